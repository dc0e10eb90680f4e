"""Looks for secrets in the project's files by detect-secrets; exit code 1 when there is one that is not
known.

    scan_secrets.py [FOLDER]            look
    scan_secrets.py --accept [FOLDER]   write what is there now to .secrets.baseline: nothing but passwords
                                        made up for tests, each looked at by a person

Known ones are kept as hashes. Texts that people write are looked at by every detector; data and large files
only for keys that have a form of their own.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

BASELINE = ".secrets.baseline"
_LEFT_OUT = {".git", ".venv", ".statloom", "__pycache__", "build", "node_modules"}
_DATA = {".csv", ".lock", ".topojson", ".svg", ".geojson"}
_BINARY = {".png", ".zip", ".gz", ".xlsx", ".dta", ".sav", ".parquet", ".pdf", ".ico", ".woff2"}
_LARGE = 300_000
_KEYS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    rb"|\bxox[baprs]-[A-Za-z0-9-]{10,}|://[^/\s:@\"']+:[^/\s@\"']{3,}@[^\s\"']+"
)
# Lines that a detector could find anything in. The detectors are slow, and lines of code are many.
_CANDIDATE = re.compile(
    r"(?i)passw|pwd|passphrase|secret|token|api.?key|apikey|credential|authorization|bearer|private|_key|key_"
    r"|\bkey\b|account|db_|://[^/\s]*@|webhook|\b(a3t|abia|acca|akia|asia)[a-z0-9]|[a-z0-9+/_=-]{24,}"
)
# Hashes of deliveries and commits are no secrets; passwords have names, keys have forms.
_DETECTORS = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "CloudantDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "IbmCloudIamDetector",
    "JwtTokenDetector",
    "KeywordDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
_ENTROPY = {"name": "Base64HighEntropyString", "limit": 4.8}
_FILTERS = (
    "detect_secrets.filters.allowlist.is_line_allowlisted",
    "detect_secrets.filters.heuristic.is_potential_uuid",
    "detect_secrets.filters.heuristic.is_sequential_string",
    "detect_secrets.filters.heuristic.is_templated_secret",
    "detect_secrets.filters.heuristic.is_prefixed_with_dollar_sign",
    "detect_secrets.filters.heuristic.is_indirect_reference",
)


def files(folder: Path) -> list[Path]:
    """Return the files of the project: those of git that are not ignored, else all but those made."""
    listed = subprocess.run(
        ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        found = [folder / name for name in listed.stdout.decode().split("\0") if name]
    else:
        found = [path for path in folder.rglob("*") if not _LEFT_OUT & set(path.relative_to(folder).parts)]
    return sorted(path for path in set(found) if path.is_file() and path.name != BASELINE)


def secrets(path: Path) -> list[tuple[str, str, int]]:
    """Return (kind, sha1 of the secret, line) of what looks like a secret in the file, if it is there."""
    try:
        return _secrets(path)
    except FileNotFoundError:
        return []


def _secrets(path: Path) -> list[tuple[str, str, int]]:
    from detect_secrets.core.potential_secret import PotentialSecret
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import transient_settings

    if path.suffix in _DATA or path.stat().st_size > _LARGE:
        content = path.read_bytes()
        return [
            ("Key in a file of data", PotentialSecret.hash_secret(match[0].decode("latin-1")), 0)
            for match in _KEYS.finditer(content)
        ]
    if path.suffix in _BINARY:
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    numbers = [number for number, line in enumerate(lines, start=1) if _CANDIDATE.search(line)]
    if not numbers:
        return []
    plugins = [{"name": name} for name in _DETECTORS] + [_ENTROPY]
    filters = [{"path": name} for name in _FILTERS]
    with (
        tempfile.NamedTemporaryFile("w", suffix=path.suffix, encoding="utf-8") as candidates,
        transient_settings({"plugins_used": plugins, "filters_used": filters}),
    ):
        candidates.write("".join(f"{lines[number - 1]}\n" for number in numbers))
        candidates.flush()
        return [
            (found.type, found.secret_hash, numbers[found.line_number - 1])
            for found in scan_file(candidates.name)
        ]


def scan(folder: Path) -> dict[str, list[tuple[str, str, int]]]:
    """Return {file: secrets} of the project in ``folder``."""
    paths = files(folder)
    with ProcessPoolExecutor(min(4, os.cpu_count() or 1)) as workers:
        found = workers.map(secrets, paths, chunksize=16)
        return {str(path.relative_to(folder)): each for path, each in zip(paths, found, strict=True) if each}


def main(arguments: list[str]) -> int:
    """Look, or with ``--accept`` write the baseline; return the exit code."""
    accept = "--accept" in arguments
    given = [argument for argument in arguments if argument != "--accept"]
    folder = Path(given[0] if given else Path(__file__).resolve().parents[1]).absolute()
    baseline = folder / BASELINE
    found = scan(folder)
    if accept:
        kept = {file: sorted({digest for _, digest, _ in each}) for file, each in found.items()}
        baseline.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        print(f"{baseline.name}: {sum(map(len, kept.values()))} in {len(kept)} files")
        return 0
    known = json.loads(baseline.read_text()) if baseline.exists() else {}
    new = [
        (file, line, kind)
        for file, each in found.items()
        for kind, digest, line in each
        if digest not in known.get(file, ())
    ]
    for file, line, kind in new:
        print(f"{file}:{line}: {kind}", file=sys.stderr)
    if new:
        print(
            f"secrets: {len(new)} that nobody has looked at. Take them out (and change them: they are known"
            " now); what was only made up for a test: scripts/scan_secrets.py --accept",
            file=sys.stderr,
        )
        return 1
    print(f"secrets: none in {len(files(folder))} files")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
