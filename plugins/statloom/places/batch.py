"""Distinct references on one level and date: the steps by which each finds its place."""

import bisect
import logging
import re

import numpy as np
import pandas as pd
import pyarrow as pa
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from statloom.places import registry as registries
from statloom.places.normalise import GENERIC, LEVELS_OF_KIND, LONGEST_NAME, clean_codes, forms
from statloom.places.registry import KIND_NUMBERS, Registry
from statloom.places.scoring import FAR, pairwise, similarity_and_edits, spellings, written
from statloom.places.view import ABOVE, PEERS, TIERS, WHOLE, View, at_positions

LEAST_SCORE = 78.0  # likeness from which a name is taken for another
LEAST_MARGIN = 5.0  # by which it must be ahead of the second best place
# Letters from which one, two, three edits are allowed. A short name must also be two edits nearer than any
# other.
LETTERS_FOR_EDITS = (4, 7, 12)
# Among many names, two edits make one name of another more often.
MANY_NAMES = 400
LETTERS_AMONG_MANY = (6, 11, 15)
SHORT = 4
LEAST_PARENT_SCORE = 70.0  # likeness from which a place is tried as what an unknown parent may have meant
PARENTS_TRIED = 3
AGREEING_SCORE = 72.0  # likeness of a name with the place that its code names
WORDS_SCORE = 90.0  # given to a name whose words are some of the words of one place
SHORTEST_WORDS = 5
CANDIDATES = 5
# What a candidate is there for, the most telling first.
WHY = (
    "code",
    "name",
    "same name",
    "successor",
    "similar name",
    "outside the parent",
    "name of another level",
)
CODE_BEHIND = re.compile(r"^(?P<name>.*[^\W\d].*)[(\[]\s*(?P<code>\w{1,12})\s*[)\]]\s*$")
NUMBER = re.compile(r"[0-9]+(?![0-9a-z])")  # at the end of a word
CHUNK = 4_000_000  # scores held at once
# How strongly a name that is the same in a form speaks for a place; a rival must not speak more strongly.
FORCE = {"folded": 2, "core": 2, "key": 1, "tokens": 0}

log = logging.getLogger(__name__)


class Batch:
    """Distinct references on one level; what is found for each stands in arrays in the order of ``rows``."""

    def __init__(
        self,
        registry: Registry,
        scheme: str,
        level: str,
        day: int,
        rows: pd.DataFrame,
        source: str | None,
        *,
        are_parents: bool = False,
    ) -> None:
        """``are_parents``: the references say where others lie, so none is a misspelt place further down."""
        self.are_parents = are_parents
        self.registry, self.scheme, self.level = registry, scheme, level
        self.day, self.rows, self.source = day, rows, source
        size = len(rows)
        self.place = np.full(size, -1)
        self.method = np.full(size, "unresolved", dtype=object)
        self.score = np.full(size, np.nan)
        self.margin = np.full(size, np.nan)
        self.open = np.ones(size, dtype=bool)
        self.hints: list[pd.DataFrame] = []
        self.refusals: dict[int, pd.Series] = {}
        self.view: View | None = registry.view(level, day) if level in registry.levels else None
        if self.view is not None:
            self.names = forms(pa.array(rows["name"], pa.string()))
            self.codes = clean_codes(rows["code"]).reset_index(drop=True)
            self._codes_in_names()
            self.has_name = (self.names["folded"] != "").to_numpy()
            self.says_name = (rows["name"] != "").to_numpy()
            self.has_code = (self.codes != "").to_numpy()
            self.has_letters = self.names["core"].str.contains(r"[^\W\d]").to_numpy()
            self.kind = self.names["kind"].map(KIND_NUMBERS).fillna(0).to_numpy(np.int64)
            self.kind_fits = self._kind_fits()
            self.numbers = {
                form: vocabulary.get_indexer(self.names[form])
                for form, vocabulary in registry.vocabulary.items()
            }

    def resolved(self) -> pd.DataFrame:
        """Return the columns of ``resolve`` for the rows, with their index."""
        if self.view is not None:
            self.find()
        ids = np.append(self.registry.index.to_numpy(dtype=object), None)
        candidates = np.empty(len(self.rows), dtype=object)
        candidates[:] = [[] for _ in range(len(self.rows))]
        self._fill(candidates)
        columns = {
            "place_id": pd.Series(ids[self.place], dtype="object"),
            "method": pd.Series(self.method, dtype="object"),
            "score": np.round(self.score, 2),
            "margin": np.round(self.margin, 2),
            "candidates": pd.Series(candidates, dtype="object"),
        }
        return pd.DataFrame(columns).set_axis(self.rows.index)

    def find(self) -> None:
        """Look for the places of all rows."""
        self._by_decision()
        self._locate()
        self._by_code()
        self._by_name()
        self._by_guarded_refusal()

    def _kind_fits(self) -> np.ndarray:
        """Say of each name whether what it calls itself may stand on the level."""
        known = self.registry.levels
        refused = {
            kind for kind, levels in LEVELS_OF_KIND.items() if levels & known and self.level not in levels
        }
        return ~self.names["kind"].isin(refused).to_numpy()

    def _codes_in_names(self) -> None:
        """Take the code from a name such as "Kathmandu (36)", where it is one of the scheme and level."""
        names = self.rows["name"].reset_index(drop=True).astype("str")
        ends = names.str.slice(-3).str.contains(r"[)\]]") & (names.str.len() <= LONGEST_NAME)
        if not ends.any():
            return
        parts = names.where(ends, "").str.extract(CODE_BEHIND)
        codes = self.registry.codes(self.scheme)
        known = codes.loc[codes["place_level"] == self.level, "place_code"]
        given = clean_codes(parts["code"].fillna(""))
        taken = (self.codes == "") & (given != "") & given.isin(known)
        if not taken.any():
            return
        self.codes = self.codes.where(~taken, given)
        self.names[taken.to_numpy()] = forms(pa.array(parts.loc[taken, "name"], pa.string())).to_numpy()

    def _accept(self, rows: np.ndarray, places: np.ndarray, method: str, score=100.0, margin=np.nan) -> None:
        self.place[rows], self.method[rows] = places, method
        self.score[rows], self.margin[rows] = score, margin
        self.open[rows] = False

    def _hint(self, rows, places, why: str, score=np.nan) -> None:
        """Keep places as candidates for a person."""
        if len(rows):
            self.hints.append(pd.DataFrame({"row": rows, "place": places, "why": why, "score": score}))

    def _fill(self, candidates: np.ndarray) -> None:
        if not self.hints:
            return
        hints = pd.concat(self.hints, ignore_index=True)
        hints = hints[self.place[hints["row"]] < 0]
        hints["order"] = hints["why"].map({why: order for order, why in enumerate(WHY)}).fillna(len(WHY))
        hints["likeness"] = -hints["score"].fillna(100)
        hints["id"] = self.registry.index.to_numpy(dtype=object)[hints["place"]]
        hints = hints.sort_values(["row", "order", "likeness", "id"], kind="stable")
        hints = hints.drop_duplicates(["row", "place"])
        # Of successors a person must see all.
        hints = hints[(hints.groupby("row").cumcount() < CANDIDATES) | (hints["why"] == "successor")]
        names = self.registry.places["place_name"].to_numpy(dtype=object)[hints["place"]]
        for row, place_id, name, score, why in zip(
            hints["row"], hints["id"], names, hints["score"], hints["why"], strict=True
        ):
            likeness = None if score != score else round(float(score), 1)
            candidates[row].append({"place_id": place_id, "place_name": name, "score": likeness, "why": why})

    # decisions of people

    def _by_decision(self) -> None:
        decisions = self.registry.seeds["place_decision"]
        decisions = decisions[
            (decisions["place_scheme"] == self.scheme)
            & (decisions["place_level"] == self.level)
            & decisions["source_id"].isin(["", self.source or ""])
        ]
        if decisions.empty:
            return
        # A source's own decision goes before one for all, a later one before an earlier one.
        decisions = decisions.sort_values("source_id", kind="stable")
        key = ["place_code", "place_name", "place_parent"]
        decisions = decisions.drop_duplicates(key, keep="last")
        wanted = pd.MultiIndex.from_frame(self.rows[["code", "name", "parent"]].astype("str"))
        at = pd.MultiIndex.from_frame(decisions[key].astype("str")).get_indexer(wanted)
        stale = self.registry.stale_decisions()["problem"]
        for row in np.flatnonzero(at >= 0):
            decision = decisions.iloc[at[row]]
            place = self.registry.index.get_indexer([decision["place_id"]])[0]
            problem = stale.get(decision.name)
            if problem is None and decision["place_id"] and not self.view.is_member[place]:
                problem = f"{decision['place_id']} is no {self.level} on that date"
            if problem is not None:
                _warn(decision, problem)
            elif decision["place_id"] == "" and decision["expect"] != "":
                self.refusals[row] = decision
            else:
                self._accept(np.array([row]), place if decision["place_id"] else -1, "decision", np.nan)

    def _by_guarded_refusal(self) -> None:
        """Obey the decisions that a reference means no place, while it still resolves to none by itself."""
        for row, decision in self.refusals.items():
            if self.place[row] < 0:
                self._accept(np.array([row]), -1, "decision", np.nan)
            else:
                place_id = self.registry.index[self.place[row]]
                _warn(decision, f"the reference resolves to {place_id} ({self.method[row]})")

    # where to look

    def _locate(self) -> None:
        """Find the blocks of the view that each row's parent stands for: arrays ``block_row, block``.

        A parent that cannot be told stands for those that it may have meant; such rows are ``is_guessed``.
        """
        parents = self.rows["parent"].to_numpy()
        without = np.flatnonzero(parents == "")
        self.parent_number, distinct = pd.factorize(pd.Series(parents).replace("", None))
        found = self._parents(pd.Series(distinct, dtype="object"))
        rows = pd.DataFrame({"row": np.arange(len(parents)), "parent": self.parent_number})
        rows = rows.merge(found, on="parent")
        self.block_row = np.concatenate([without, rows["row"].to_numpy(np.int64)])
        self.block = np.concatenate([np.full(len(without), WHOLE), rows["place"].to_numpy(np.int64)])
        self.is_located = np.zeros(len(parents), dtype=bool)
        self.is_located[self.block_row] = True
        self.parent_score = np.full(len(parents), 100.0)
        np.minimum.at(self.parent_score, rows["row"].to_numpy(), rows["score"].to_numpy())
        self.is_guessed = self.parent_score < 100

    def _parents(self, parents: pd.Series) -> pd.DataFrame:
        """Return what each text means on higher levels: ``parent`` (its position), ``place``, ``score``.

        A parent that is not there on the date stands for what it became.
        """
        found, guessed = [], []
        for level in self.view.levels_above if len(parents) else ():
            for role in ("code", "name"):
                given = pd.DataFrame({"code": "", "name": "", "parent": ""}, index=parents.index)
                given[role] = parents
                batch = Batch(
                    self.registry, self.scheme, level, self.day, given, self.source, are_parents=True
                )
                batch.find()
                good = np.flatnonzero(batch.place >= 0)
                found.append(pd.DataFrame({"parent": good, "place": batch.place[good]}))
                for hints in batch.hints:
                    hints = hints.rename(columns={"row": "parent"})
                    found.append(hints.loc[hints["why"] == "successor", ["parent", "place"]])
                    alike = (hints["why"] == "similar name") & (hints["score"] >= LEAST_PARENT_SCORE)
                    guessed.append(hints.loc[alike, ["parent", "place", "score"]])
        if not found:
            return pd.DataFrame({"parent": [], "place": [], "score": []}, dtype="int64")
        sure = pd.concat(found, ignore_index=True).astype("int64").drop_duplicates()
        if guessed:
            maybe = pd.concat(guessed, ignore_index=True).sort_values(
                ["parent", "score", "place"], ascending=[True, False, True]
            )
            maybe = maybe[~maybe["parent"].isin(sure["parent"])]
            maybe = maybe[maybe.groupby("parent").cumcount() < PARENTS_TRIED]
            return pd.concat([sure.assign(score=100.0), maybe.assign(score=maybe["score"].clip(upper=99))])
        return sure.assign(score=100.0)

    # codes

    def _by_code(self) -> None:
        self.in_conflict = np.zeros(0, dtype=np.int64)
        if not self.has_code.any():
            return
        all_codes = self.registry.codes(self.scheme)
        codes = all_codes[all_codes["place_level"] == self.level]
        exact = pd.Index(codes["place_code"]).get_indexer(self.codes)
        single = codes[~codes["plain"].duplicated(keep=False) & (codes["plain"] != "")]
        plain = pd.Index(single["plain"]).get_indexer(registries.plain_codes(self.codes))
        # Spreadsheets take zeros away; they add none.
        lengths = np.append(single["place_code"].str.len().to_numpy(np.int64), 0)
        plain = np.where(self.codes.str.len().to_numpy() <= lengths[plain], plain, -1)
        positions = np.append(codes["position"].to_numpy(np.int64), -1)
        place = positions[exact]
        loose = (place < 0) & self.has_code
        place = np.where(loose, np.append(single["position"].to_numpy(np.int64), -1)[plain], place)
        method = np.where(exact >= 0, "exact_code", "normalised_code").astype(object)
        code_found = place >= 0

        here = self.open & code_found
        gone = here & ~self.view.is_member[place]
        rows = np.flatnonzero(gone)
        self._heirs(rows, place[rows])
        self.open[rows] = False

        rows = np.flatnonzero(here & ~gone)
        agrees, score = self._name_agrees(rows, place[rows])
        inside = self._parent_agrees(rows, place[rows])
        good = agrees & inside
        for one in ("exact_code", "normalised_code"):
            taken = good & (method[rows] == one)
            self._accept(rows[taken], place[rows[taken]], one, score[taken])
        bad = rows[~good]
        self.method[bad] = "conflict"
        self._hint(bad, place[bad], "code")
        self.open[bad] = False
        self.in_conflict = bad[~agrees[~good]]

        lost = np.flatnonzero(self.open & self.has_code & ~code_found)
        others = all_codes[all_codes["place_level"] != self.level]
        elsewhere = pd.DataFrame({"row": lost, "place_code": self.codes.to_numpy()[lost]}).merge(
            others, on="place_code"
        )
        for level, same in elsewhere.groupby("place_level"):
            self._hint(same["row"].to_numpy(), same["position"].to_numpy(), f"code of level {level}")
        self.open[lost[~self.says_name[lost]]] = False

    def _heirs(self, rows: np.ndarray, places: np.ndarray) -> None:
        """Keep what became of places that are not there on the date, or what they came from, as candidates.

        Where the level is there on the date, only what is on it counts.
        """
        if not len(rows):
            return
        links = self.registry.descent
        pairs = pd.DataFrame({"row": rows, "place": places})
        after = pairs.merge(links, left_on="place", right_on="before")[["row", "after"]].set_axis(
            ["row", "heir"], axis=1
        )
        before = pairs.merge(links, left_on="place", right_on="after")[["row", "before"]].set_axis(
            ["row", "heir"], axis=1
        )
        heirs = pd.concat([after, before])
        heirs = heirs[self.view.on_date[heirs["heir"]]].drop_duplicates()
        if self.view.is_member.any():
            heirs = heirs[self.view.is_member[heirs["heir"]]]
        self._hint(heirs["row"].to_numpy(), heirs["heir"].to_numpy(), "successor")

    def _name_agrees(self, rows: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Say whether the names of rows agree with the places of their codes, and with what likeness."""
        agrees, score = ~self.says_name[rows], np.full(len(rows), 100.0)
        asked = np.flatnonzero(~agrees)
        if not len(asked):
            return agrees, score
        names = self.registry.names
        first = np.searchsorted(names["position"], places[asked], "left")
        counts = np.searchsorted(names["position"], places[asked], "right") - first
        pair = np.repeat(asked, counts)
        steps = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
        other = np.repeat(first, counts) + steps
        same = np.zeros(len(pair), dtype=bool)
        for form in ("folded", "core", "key", "tokens"):
            number = self.numbers[form][rows[pair]]
            same |= (number >= 0) & (number == names[f"{form}_number"].to_numpy()[other])
        agrees[pair[same]] = True

        # Not the same name: it may be a misspelling, unless it is another place's name.
        unlike = ~agrees[pair] & self.has_name[rows[pair]]
        pair, other = pair[unlike], other[unlike]
        if len(pair):
            likeness = np.zeros(len(rows))
            left = spellings(self.names.iloc[rows[pair]])
            np.maximum.at(likeness, pair, pairwise(left, spellings(names.iloc[other])))
            checked = np.unique(pair)
            elsewhere = np.zeros(len(rows), dtype=bool)
            elsewhere[checked[self._with_that_name(rows[checked], "key")[0]]] = True
            # Letters of two scripts may be a forgery of a name: they are like nothing.
            close = (likeness >= AGREEING_SCORE) & ~elsewhere & ~self.names["mixed"].to_numpy()[rows]
            agrees |= close
            score = np.where(close, likeness, score)
        return agrees & self.kind_fits[rows], score

    def _with_that_name(self, rows: np.ndarray, form: str) -> tuple[np.ndarray, np.ndarray]:
        """Return all places of the view with the names of rows: positions in ``rows``, and places."""
        keys = self.view.keys(np.full(len(rows), WHOLE), self.numbers[form][rows], None, form)
        return self.view.look_up(form, False).pairs(keys)

    def _parent_agrees(self, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Say whether the places lie in what the parents of rows mean.

        A parent that means nothing is no objection to a code.
        """
        pairs = pd.DataFrame({"row": self.block_row, "block": self.block})
        pairs = pairs[np.isin(self.block_row, rows)]
        blocks = self.view.blocks.rename(columns={"position": "place", "ancestor": "block"})
        wanted = pd.DataFrame({"row": rows, "place": places})
        inside = wanted.merge(pairs, on="row").merge(blocks, on=["place", "block"])["row"]
        free = pairs.loc[pairs["block"] == WHOLE, "row"]
        unknown = ~self.is_located[rows] | self.is_guessed[rows]
        return np.isin(rows, inside) | np.isin(rows, free) | unknown

    # names

    def _by_name(self) -> None:
        asked = self.open & self.has_name
        self._names_of_conflicts()
        if not asked.any():
            return
        rival = self._rivals(asked)
        fits = asked & self.is_located & self.kind_fits
        met = self._same_names(fits, rival, self.numbers)
        shorter = self._without_parent(fits & ~met)
        if shorter is not None:
            met |= self._same_names(fits & ~met, rival, shorter)
        fuzzy = self.open & fits & ~met & ~self.has_code & ~self.is_guessed
        self._alike(fuzzy & ~self.names["mixed"].to_numpy() & self.has_letters, rival)

    def _without_parent(self, asked: np.ndarray) -> dict[str, np.ndarray] | None:
        """Return the numbers of names that end in their parent's ("Madi, Rolpa"), without it."""
        rows = np.flatnonzero(asked & (self.rows["parent"] != "").to_numpy())
        ends = " " + forms(pa.array(self.rows["parent"].iloc[rows], pa.string()))["core"]
        cores = self.names["core"].iloc[rows]
        shorter = [
            core.removesuffix(end) if len(end) > 1 else core for core, end in zip(cores, ends, strict=True)
        ]
        changed = np.array([len(new) < len(old) for new, old in zip(shorter, cores, strict=True)], dtype=bool)
        if not changed.any():
            return None
        numbers = {form: np.full(len(self.rows), -1) for form in self.numbers}
        new = forms(pa.array([text for text, one in zip(shorter, changed, strict=True) if one], pa.string()))
        for form, vocabulary in self.registry.vocabulary.items():
            numbers[form][rows[changed]] = vocabulary.get_indexer(new[form])
        return numbers

    def _names_of_conflicts(self) -> None:
        rows = self.in_conflict[self.has_name[self.in_conflict]]
        if not len(rows):
            return
        at, places = self._with_that_name(rows, "key")
        self._hint(rows[at], places, "name")

    def _rivals(self, asked: np.ndarray) -> np.ndarray:
        """Return how strongly each name speaks for a place off level or date, as in ``FORCE``.

        What became of places that are gone is kept as candidates.
        """
        strength = np.zeros(len(self.rows), dtype=np.int8)
        chosen = asked[self.block_row]
        rows, blocks = self.block_row[chosen], self.block[chosen]
        inside = blocks != WHOLE
        rows = np.concatenate([rows, rows[inside]])
        blocks = np.concatenate([blocks, np.full(inside.sum(), ABOVE)])
        level_of = self.registry.places["place_level"].to_numpy()
        for form in ("folded", "core", "key"):
            force = FORCE[form]
            keys = self.view.keys(blocks, self.numbers[form][rows], None, form)
            at, places = self.view.rivals[form].pairs(keys)
            hit = rows[at]
            fits = np.ones(len(hit), dtype=bool)
            for kind, levels in LEVELS_OF_KIND.items():
                fits &= (self.kind[hit] != KIND_NUMBERS[kind]) | np.isin(level_of[places], list(levels))
            hit, places = hit[fits], places[fits]
            new = strength[hit] < force
            strength[hit] = np.maximum(strength[hit], force)
            there = self.view.on_date[places]
            self._hint(hit[there], places[there], "name of another level")
            self._heirs(hit[~there & new], places[~there & new])
        return strength

    def _same_names(self, asked: np.ndarray, rival: np.ndarray, numbers: dict[str, np.ndarray]) -> np.ndarray:
        """Accept names that are the same as one place's in some form; say which rows met any such place."""
        met = np.zeros(len(self.rows), dtype=bool)
        for form, with_kind in TIERS:
            wanted = self.open & asked & ~met
            if form != "folded" and not with_kind:
                wanted &= self.has_letters
            chosen = wanted[self.block_row]
            rows = self.block_row[chosen]
            kinds = self.kind[rows] if with_kind else None
            keys = self.view.keys(self.block[chosen], numbers[form][rows], kinds, form)
            at, places = self.view.look_up(form, with_kind).pairs(keys)
            hit, places = np.divmod(np.unique(rows[at] * self.view.size + places), self.view.size)
            met[hit] = True
            single = np.bincount(hit, minlength=len(self.rows))[hit] == 1
            good = single & (rival[hit] <= FORCE[form])
            if form == "key":
                good[good] = self._are_nearest(hit[good], places[good])
            sure = good & ~self.is_guessed[hit]
            self._accept(hit[sure], places[sure], "alias" if form == "folded" else "normalised_name")
            guess = good & self.is_guessed[hit] & (form != "tokens")
            margin = self._margins(hit[guess], places[guess])
            guess[guess] = margin >= LEAST_MARGIN
            score = (100 + self.parent_score[hit[guess]]) / 2  # of the name, which is exact, and the parent
            self._accept(hit[guess], places[guess], "fuzzy", score, margin[margin >= LEAST_MARGIN])
            good = sure | guess
            self._hint(hit[~good], places[~good], "same name", 100.0)
        return met

    def _groups(self, rows: np.ndarray):
        """Yield rows of one parent each, with its blocks and the positions of their names in the view's."""
        position = self.view.names["position"].to_numpy()
        wanted = np.isin(self.block_row, rows)
        blocks = pd.Series(self.block[wanted]).groupby(self.block_row[wanted]).agg(tuple)
        for number in np.unique(self.parent_number[rows]):
            group = rows[self.parent_number[rows] == number]
            own = blocks[group[0]]
            members = np.unique(np.concatenate([self.view.members_of(block) for block in own]))
            at = at_positions(position, members)
            step = max(1, CHUNK // max(1, len(at)))
            for start in range(0, len(group) if len(at) else 0, step):
                yield group[start : start + step], own, at

    def _are_nearest(self, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Say whether no other place in the blocks of rows is written as nearly alike as the one found."""
        found = dict(zip(rows.tolist(), places.tolist(), strict=True))
        known = self.view.written
        position = self.view.names["position"].to_numpy()
        good = dict.fromkeys(found, False)
        for group, _, at in self._groups(rows):
            given = written(self.names["core"].iloc[group])
            edits = process.cdist(given, [known[i] for i in at], scorer=OSA.distance, dtype=np.int32)
            own = position[at][None, :] == np.array([found[row] for row in group])[:, None]
            nearest = np.where(own, edits, FAR).min(axis=1) < np.where(own, FAR, edits).min(axis=1)
            good.update(zip(group.tolist(), nearest.tolist(), strict=True))
        return np.array([good[row] for row in rows.tolist()], dtype=bool)

    def _margins(self, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return by how much the names of rows are less like the next place in the blocks than like the one
        found, which is named so."""
        found = dict(zip(rows.tolist(), places.tolist(), strict=True))
        margin = dict.fromkeys(found, 100.0)
        position = self.view.names["position"].to_numpy()
        cores, keys = spellings(self.view.names) if len(rows) else ([], [])
        for group, _, at in self._groups(rows):
            right = [cores[i] for i in at], [keys[i] for i in at]
            scores = similarity_and_edits(spellings(self.names.iloc[group]), right)[0]
            own = position[at][None, :] == np.array([found[row] for row in group])[:, None]
            margin.update(
                zip(group.tolist(), (100 - np.where(own, 0, scores).max(axis=1)).tolist(), strict=True)
            )
        return np.array([margin[row] for row in rows.tolist()])

    def _alike(self, asked: np.ndarray, rival: np.ndarray) -> None:
        """Score what is left against the names in its block; accept what is alike and far ahead of others."""
        rows = np.flatnonzero(asked)
        if not len(rows):
            return
        cores, keys = spellings(self.view.names)
        for group, blocks, at in self._groups(rows):
            right = ([cores[i] for i in at], [keys[i] for i in at])
            self._score(group, right, at, blocks, rival)

    def _score(self, rows, right, at, blocks, rival) -> None:
        """Score ``rows`` against the names at ``at`` of the view, all of one set of blocks."""
        position = self.view.names["position"].to_numpy()[at]
        starts = np.flatnonzero(np.diff(position, prepend=-1))
        places = position[starts]
        own = self.names.iloc[rows]
        left = spellings(own)
        scores, edits = similarity_and_edits(left, right)
        scores = np.maximum.reduceat(scores, starts, axis=1)
        edits = np.minimum.reduceat(edits, starts, axis=1)
        whole = blocks == (WHOLE,)

        best = scores.argmax(axis=1)
        every = np.arange(len(rows))
        top = scores[every, best]
        margin = top - _second(scores, best, np.max)
        nearest = edits[every, best]
        ahead = _second(edits, best, np.min) - nearest
        letters = np.array([len(core) for core in left[0]])
        enough = LETTERS_FOR_EDITS if len(at) < MANY_NAMES else LETTERS_AMONG_MANY
        most = np.searchsorted(enough, letters, "right")
        alone = np.where(letters <= SHORT, 2, 1)
        good = (top >= LEAST_SCORE) & (margin >= LEAST_MARGIN) & (nearest <= most) & (ahead >= alone)
        if not whole:
            words = np.logical_or.reduceat(self._words(own["core"], at), starts, axis=1)
            # What has the words of one place and the looks of another is left to a person.
            good &= words.sum(axis=1) == words[every, best]
            lone = ~good & (words.sum(axis=1) == 1) & ((nearest > most) | words[every, best])
            best = np.where(lone, words.argmax(axis=1), best)
            ahead_by = WORDS_SCORE - _second(scores, best, np.max)
            top, margin = np.where(lone, WORDS_SCORE, top), np.where(lone, ahead_by, margin)
            good |= lone & (margin >= LEAST_MARGIN)
        # The very name of another place, wherever and whenever, is no misspelling.
        good &= (rival[rows] == 0) & (self.numbers["core"][rows] < 0)
        good[good] = self._says_the_same(left[0], right[0], position, places[best], good)
        good[good] = ~self._is_abroad(rows[good], nearest[good])
        if not whole:
            good[good] = ~self._named_elsewhere(rows[good])
        among = (PEERS,) if whole and self.are_parents else blocks
        good[good] = ~self._rival_is_nearer(rows[good], places[best[good]], nearest[good], top[good], among)
        self._accept(rows[good], places[best[good]], "fuzzy", top[good], margin[good])
        bad = ~good
        self.score[rows[bad]], self.margin[rows[bad]] = top[bad], margin[bad]
        count = min(CANDIDATES, len(places))
        order = np.argsort(-scores[bad], axis=1, kind="stable")[:, :count]
        likeness = np.take_along_axis(scores[bad], order, axis=1).ravel()
        self._hint(np.repeat(rows[bad], count), places[order].ravel(), "similar name", likeness)

    def _words(self, given: pd.Series, at: np.ndarray) -> np.ndarray:
        """Say of pairs of names whether the given one has only words of the known one, and fewer."""
        known = self.view.names["core"].iloc[at]
        shared = process.cdist(
            given.tolist(), known.tolist(), scorer=fuzz.token_set_ratio, score_cutoff=100, dtype=np.uint8
        )
        fewer = np.less.outer(given.str.count(" ").to_numpy(), known.str.count(" ").to_numpy())
        telling = [len("".join(w for w in core.split() if w not in GENERIC)) for core in given]
        return (shared == 100) & fewer & (np.array(telling) >= SHORTEST_WORDS)[:, None]

    def _says_the_same(self, given, known, position, places, asked) -> np.ndarray:
        """Say of the rows that are ``asked`` whether nothing in the name speaks for another place than the
        one in ``places``: a number at the end of a word ("Kathmandu 5" is a ward), or a longer name that it
        may be the beginning of.
        """
        order = np.argsort(known)
        ordered = [known[i] for i in order]
        answers = []
        for row in np.flatnonzero(asked):
            name, own = given[row], position == places[row]
            same = True
            if numbers := NUMBER.findall(name):
                same = any(NUMBER.findall(known[i]) == numbers for i in np.flatnonzero(own))
            if same and len(name) >= SHORTEST_WORDS:
                first = bisect.bisect_left(ordered, name)
                while same and first < len(ordered) and ordered[first].startswith(name):
                    same, first = bool(own[order[first]]), first + 1
            answers.append(same)
        return np.array(answers, dtype=bool)

    def _is_abroad(self, rows: np.ndarray, nearest: np.ndarray) -> np.ndarray:
        """Say whether a place abroad has the name of rows, or one that is as near to it as the place found.

        ``nearest``: edits to the name of that place.
        """
        cores, every_core, keys = self.registry.elsewhere
        if not len(rows) or not every_core:
            return np.zeros(len(rows), dtype=bool)
        given = self.names.iloc[rows]
        written_alike, most = spellings(given)[0], int(nearest.max())
        same = pd.Series(written_alike).isin(every_core).to_numpy() | given["key"].isin(keys).to_numpy()
        if not cores:
            return same
        edits = process.cdist(written_alike, cores, scorer=OSA.distance, score_cutoff=most, dtype=np.uint8)
        return same | (edits.min(axis=1) <= nearest)

    def _named_elsewhere(self, rows: np.ndarray) -> np.ndarray:
        """Say whether a place outside the rows' parents has that very name."""
        found = np.zeros(len(rows), dtype=bool)
        at, places = self._with_that_name(rows, "core")
        found[at] = True
        self._hint(rows[at], places, "outside the parent")
        return found

    def _rival_is_nearer(self, rows, places, nearest, top, blocks: tuple[int, ...]) -> np.ndarray:
        """Say whether a rival of another name is nearer to the name than the place found, or more alike."""
        cores, keys, numbers = self.view.rival_spellings(blocks)
        if not len(rows) or not len(numbers):
            return np.zeros(len(rows), dtype=bool)
        scores, edits = similarity_and_edits(spellings(self.names.iloc[rows]), (cores, keys))
        names = self.view.names
        position = names["position"].to_numpy()
        for place in np.unique(places):
            first, last = np.searchsorted(position, [place, place + 1])
            same = np.isin(numbers, names["core_number"].to_numpy()[first:last])
            here = np.flatnonzero(places == place)
            scores[np.ix_(here, same)], edits[np.ix_(here, same)] = 0, FAR
        return (edits.min(axis=1) < nearest) | (scores.max(axis=1) > top)


def _warn(decision: pd.Series, problem: str) -> None:
    log.warning("place_decision.csv, row %d no longer applies: %s", decision.name + 2, problem)


def _second(values: np.ndarray, best: np.ndarray, extreme) -> np.ndarray:
    """Return the best value of each row without the column ``best``; 0 or many if there is no other."""
    others = values.astype(float)
    others[np.arange(len(values)), best] = -np.inf if extreme is np.max else np.inf
    found = extreme(others, axis=1)
    return np.where(np.isfinite(found), found, 0 if extreme is np.max else FAR)
