"""What a release says of a public-use file: columns, recoding in words, measures, in English and Nepali."""

import pyarrow as pa
import pyarrow.compute as pc

from statloom.contracts.model import Contract
from statloom.contracts.public_use import Recoding
from statloom.exports.microdata import Microdata, Variable
from statloom.exports.model import Field, Source, Table, Text, fields_of
from statloom.microdata.public_use import Layout, Loss

DDI_TITLE = Text("Description of the variables (DDI Codebook)", "चरहरूको विवरण (DDI Codebook)")
MEASURES_TITLE = Text("Risk and loss of information", "जोखिम र गुमेको जानकारी")


def about(contract: Contract, record: str) -> dict[str, str | None]:
    """Return what stands in the metadata of a table's Parquet file."""
    public = contract.public_use
    return {
        "title": f"{contract.title['en']}: public-use file, {record}",
        "licence": public.licence,
        "terms": public.terms["en"],
        "terms_ne": public.terms.get("ne"),
        "source": f"{contract.title['en']} ({contract.custodian})",
        "edition": str(public.edition),
        "synthetic": "true" if contract.synthetic else "false",
    }


def table(layout: Layout, record: str, source: Source) -> Text:
    """Return the title of a table."""
    mark = " (synthetic)" if source.synthetic else ""
    nepali = f"{source.title_ne}: सार्वजनिक प्रयोगको फाइल, {record}" if source.title_ne else None
    return Text(f"{source.title}: public-use file, {record}{mark}", nepali)


def description(layout: Layout, record: str) -> str:
    """Return what a row of a table is."""
    within = (
        f" Each belongs to a row of {layout.household}." if layout.household not in (None, record) else ""
    )
    return (
        f"One row a {record}, in random order, with a number that the source does not have.{within} "
        "An empty field is a missing answer or a value that was left out to protect somebody."
    )


def fields(layout: Layout, record: str, schema: pa.Schema) -> tuple[Field, ...]:
    """Return the fields of a table with what they hold."""
    said = {name: _described(layout, name) for name in schema.names}
    always = [layout.number(record)]
    if layout.household:
        always += [layout.number(layout.household), layout.size]
    units = {
        name: column.unit for name, column in layout.columns.items() if column.unit and name in schema.names
    }
    return fields_of(schema, said, tuple(name for name in always if name in schema.names), None, units)


def _described(layout: Layout, name: str) -> str:
    if name == layout.size:
        return f"Rows of {layout.record} that the {layout.household} has in this file"
    if name in (layout.number(layout.record), layout.number(layout.household or "")):
        return "Running number, given at random for this file"
    column = layout.columns[name]
    recoded = made(layout.public.recode.get(name))
    said = column.description or column.label or ""
    if column.role == "place_code" and not said:
        said = f"Code of the {column.level} in the scheme {layout.contract.place.scheme}"
    parts = [said, recoded.en if recoded else ""]
    return ". ".join(part.rstrip(".") for part in parts if part)


def made(rule: Recoding | None) -> Text | None:
    """Say how a variable is made coarser; None when it is not."""
    if rule is None:
        return None
    english, nepali = [], []

    def say(en: str, ne: str, **values: object) -> None:
        english.append(en.format(**values))
        nepali.append(ne.format(**values))

    if rule.width:
        say("bands of {width:g}", "{width:g} का समूह", width=rule.width)
    if rule.round:
        say("rounded to multiples of {round:,g}", "{round:,g} का गुणकमा", round=rule.round)
    if rule.bottom is not None:
        say("below {bottom:,g} together", "{bottom:,g} भन्दा कम सबै एउटै", bottom=rule.bottom)
    if rule.top is not None:
        say("{top:,g} and above together", "{top:,g} र माथि सबै एउटै", top=rule.top)
    for new, old in rule.groups.items():
        say("{new}: {old}", "{new}: {old}", new=new, old=", ".join(old))
    if rule.missing:
        say("missing as {missing}", "नआएको उत्तर {missing}", missing=rule.missing)
    return Text("; ".join(english), "; ".join(nepali))


def describe(
    layout: Layout,
    source: Source,
    tables: list[Table],
    frames: dict[str, pa.Table],
    losses: list[Loss],
    measures: dict,
) -> Microdata:
    """Return the file as its page and its DDI description show it."""
    public, by_name = layout.public, {loss.variable: loss for loss in losses}
    variables = [
        _variable(layout, record, name, frames[record][name], by_name.get(name))
        for record in layout.records
        for name in frames[record].column_names
    ]
    period = layout.contract.period
    return Microdata(
        source=source,
        terms=Text(public.terms["en"], public.terms.get("ne")),
        edition=public.edition,
        period=period.value or "",
        tables=tuple(tables),
        rows={record: frames[record].num_rows for record in layout.records},
        variables=tuple(variables),
        facts=tuple(_facts(measures)),
        notes=tuple(_notes(layout, measures)),
    )


def _variable(layout: Layout, record: str, name: str, values: pa.ChunkedArray, lost: Loss | None) -> Variable:
    text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    counts = {}
    if text:
        found = pc.value_counts(values.drop_null()).to_pylist()
        counts = {entry["values"]: entry["counts"] for entry in sorted(found, key=lambda e: e["values"])}
    column = layout.columns.get(name)
    known = column and (column.description or column.label)
    title = known or (_described(layout, name) if not column or column.role == "place_code" else name)
    return Variable(
        name=name,
        record=record,
        title=Text(title or name),
        role=_role(layout, name),
        type="string" if text else "integer" if pa.types.is_integer(values.type) else "number",
        counts=counts,
        missing=values.null_count,
        before=lost.values if lost else 0,
        suppressed=lost.suppressed if lost else 0,
        kept=lost.kept if lost else None,
        made=made(layout.public.recode.get(name)),
    )


def _role(layout: Layout, name: str) -> str:
    if name == layout.weight:
        return "weight"
    if name in layout.keys:
        return "key"
    if name in layout.public.sensitive:
        return "sensitive"
    return "other" if name in layout.columns else "number"


def _facts(measures: dict):
    """Yield what was measured: what, and how much."""
    found = measures["measured"]
    risk = found["risk"]
    yield (
        Text("Rows that have the same keys, at least (k)", "उस्तै पहिचान चर भएका पङ्क्ति, कम्तीमा (k)"),
        f"{found['k']}",
    )
    if found["k_households"] is not None:
        yield Text("The same of households", "घरधुरीको हकमा"), f"{found['k_households']}"
    for name, lowest in found["l"].items():
        said = ", ".join(f"{measure} {value:g}" for measure, value in lowest.items())
        yield Text(f"Diversity of {name} (l), at least", f"{name} को विविधता (l), कम्तीमा"), said
    yield (
        Text(
            "Global risk of persons: mean probability of being recognised",
            "व्यक्तिको समग्र जोखिम: चिनिने सम्भावनाको औसत",
        ),
        f"{risk['individual']:.3%}",
    )
    if found["households"]:
        yield Text("Global risk of households", "घरधुरीको समग्र जोखिम"), f"{risk['household']:.3%}"
    yield Text("Highest risk of a person", "एक व्यक्तिको सबैभन्दा ठूलो जोखिम"), f"{risk['highest']:.2%}"
    yield (
        Text("The same where it is known who took part, mean", "को सहभागी थियो थाहा भए, औसत"),
        f"{risk['participation']:.2%}",
    )


def _notes(layout: Layout, measures: dict):
    public, facts = layout.public, measures["made"]
    keys = ", ".join(layout.keys)
    yield Text(
        f"At least {public.k} rows have the same values of {keys}. Where fewer had, single values are left "
        "out; one that is left out may be any.",
        f"{keys} का उस्तै मान कम्तीमा {public.k} पङ्क्तिमा छन्। थोरैमा भए केही मान हटाइएका छन्; "
        "हटाइएको मान जुनसुकै हुन सक्छ।",
    )
    suppressed = sum(loss["suppressed"] for loss in measures["losses"])
    values = sum(loss["values"] for loss in measures["losses"] if loss["variable"] in layout.keys)
    yield Text(
        f"{suppressed:,} of {values:,} values of these keys are left out.",
        f"यी पहिचान चरका {values:,} मध्ये {suppressed:,} मान हटाइएका छन्।",
    )
    yield Text(
        "Numbers of rows and their order are random and lead nowhere in the source.",
        "पङ्क्तिका क्रमसङ्ख्या र क्रम अनियमित छन् र स्रोतमा कतै पुर्‍याउँदैनन्।",
    )
    if public.largest_household and facts["rows_of_too_large_households"]:
        share = facts["rows_of_too_large_households"] / facts["rows_in_the_delivery"]
        yield Text(
            f"Households of more than {public.largest_household} are not in the file: {share:.1%} of rows.",
            f"{public.largest_household} भन्दा बढीका घरधुरी फाइलमा छैनन्: पङ्क्तिको {share:.1%}।",
        )
    if public.sample is not None:
        yield Text(
            f"A random part of {public.sample:.0%} of the delivery; weights are higher accordingly.",
            f"प्राप्त तथ्याङ्कको {public.sample:.0%} अनियमित अंश; भार त्यसै अनुसार बढाइएको छ।",
        )
    if public.weight_round:
        yield Text(
            f"Weights are rounded to multiples of {public.weight_round:g}.",
            f"भारलाई {public.weight_round:g} का गुणकमा मिलाइएको छ।",
        )
