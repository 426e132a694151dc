"""The table of commands: everything that can be typed after ``bedside``."""

from __future__ import annotations

from bedside.cli.command import Argument, Command

STUDY = Argument("STUDY", "study", "the study file (study.toml)")
CANDIDATE = Argument("CANDIDATE", "candidate", "folder of a candidate")
RELEASE = Argument("RELEASE", "release", "folder or zip of a release")
SERVICE = Argument("SERVICE", "service", "the log-in name of a service")
LEDGER = Argument(
    "--ledger", "ledger", "URL or path of the ledger (default: $BEDSIDE_LEDGER, else bedside-ledger.db here)",
    {"metavar": "URL"},
)  # fmt: skip
PUBLIC_KEY = Argument(
    "--key", "key", "public key (signing.pub); without it only the digests are checked", {"metavar": "PUBLIC"}
)
VERIFY_KEY = Argument("--key", "key", "public key (signing.pub)", {"required": True, "metavar": "PUBLIC"})
USER = Argument("--user", "user", "in whose name; the password is asked for", {"required": True})
WAIT = Argument(
    "--wait",
    "wait",
    "seconds to wait for a server's word, where one runs (default: 10)",
    {"type": float, "default": 10, "metavar": "SECONDS"},
)
STOPPED = Argument("RELEASE", "release", "folder or zip of a release, or the name it is served by, or NAME@VERSION")
TARGET = Argument(
    "--target", "target", "which target's file runs, or auto: the fastest that holds here (default: server-cpu)",
    {"default": "server-cpu"},
)  # fmt: skip
MAP = Argument("--map", "map", "TOML file that translates the other hospital's columns, units and codes")

COMMANDS: tuple[Command, ...] = (
    Command(
        ("demo",), "demonstration", "demo", "go the whole way on real data, then serve it (solo mode)",
        (
            Argument("--dir", "dir", "where to write everything (default: bedside-demo)", {"default": "bedside-demo"}),
            Argument("--port", "port", "loopback port to serve on (default: 8765)", {"type": int, "default": 8765}),
            Argument("--no-serve", "serve", "end before serving", {"action": "store_false"}),
        ),
        progress=True,
    ),
    Command(
        ("init",), "cli.study", "init", "draft a study.toml from a table, to be edited",
        (
            Argument("DATA", "data", "CSV or Parquet file, one row a patient"),
            Argument("--task", "task", "kind of question (default: diagnosis)", {"default": "diagnosis"}),
            Argument("--dir", "dir", "folder for study.toml (default: here)", {"default": "."}),
        ),
    ),
    Command(
        ("check",), "cli.study", "check", "read the data: attrition, missingness, leakage, units", (STUDY,)
    ),
    Command(
        ("train",), "cli.study", "train", "fit, pack and compress: writes a candidate",
        (
            STUDY,
            Argument("--out", "out", "folder of the candidate (default: candidate beside the study)"),
            Argument("--tune", "tune", "search hyper-parameters in N trials first", {"type": int, "default": 0, "metavar": "N"}),
        ),
        progress=True,
    ),
    Command(
        ("adopt",), "cli.study", "adopt", "the same from a model trained elsewhere; proves that the graph equals it",
        (
            Argument("MODEL", "model", "the model's file: .keras, .h5, .onnx, LightGBM's text, XGBoost's JSON or UBJSON, .skops, .pt2, .pt, .pth, .safetensors; or the folder of a SavedModel"),
            STUDY,
            Argument("--out", "out", "folder of the candidate (default: candidate beside the study)"),
            Argument("--recalibrate", "recalibrate", "fit its calibration on the study's patients: makes a new version", {"action": "store_true"}),
            Argument("--module", "module", "file and name of your own module, where MODEL holds weights only", {"metavar": "PATH:NAME"}),
        ),
        progress=True,
    ),
    Command(
        ("environment",), "cli.environment", "environment", "install a tool into an environment of its own, once",
        (Argument("NAME", "name", "the tool: executorch (about 1.5 GB) or tensorflow (1.6 GB)"),),
        progress=True,
    ),
    Command(
        ("validate",), "cli.evidence", "validate", "evidence and report for a candidate, a release elsewhere, or bare predictions",
        (
            Argument("PATH", "path", "a candidate; or, with --data, a release", {"nargs": "?"}),
            Argument("--target", "target", "run this target and complete the evidence with it; with --data: which one runs"),
            Argument("--study", "study", "where the study file lies, if not where it was at training", {"metavar": "FILE"}),
            Argument("--data", "data", "table of another hospital: external validation", {"metavar": "FILE"}),
            MAP,
            PUBLIC_KEY,
            Argument("--predictions", "predictions", "CSV or Parquet with columns outcome, probability[, group]", {"metavar": "FILE"}),
            Argument("--threshold", "threshold", "with --predictions: risk at which one would act", {"type": float}),
            Argument("--out", "out", "with --data or --predictions: folder for evidence.json and report.html"),
        ),
        progress=True,
    ),
    Command(
        ("drop",), "cli.targets", "drop", "pack a candidate without one of its targets; it must be validated again",
        (CANDIDATE, Argument("TARGET", "target", "name of the target, for example server-gpu")),
    ),
    Command(
        ("keygen",), "cli.signing", "keygen", "make a key pair: signing.key (keep secret) and signing.pub",
        (Argument("--out", "out", "folder for both files", {"required": True}),),
    ),
    Command(
        ("sign",), "cli.signing", "sign", "sign a validated candidate; refuses where a gate failed",
        (
            CANDIDATE,
            Argument("--key", "key", "private key (signing.key)", {"required": True}),
            Argument("--out", "out", "folder of the release", {"required": True, "metavar": "RELEASE"}),
            Argument("--by", "by", "name of the person who signs (default: the log-in name)"),
        ),
    ),
    Command(
        ("verify",), "cli.signing", "verify", "check that a release is, byte for byte, what was signed",
        (RELEASE, VERIFY_KEY),
        explains=True,
    ),
    Command(
        ("send",), "cli.signing", "send", "write a release or a candidate as one file",
        (
            Argument("RELEASE", "release", "folder or zip of a release or a candidate"),
            Argument("--out", "out", "file to write (default: NAME-VERSION.zip here)", {"metavar": "FILE"}),
        ),
        explains=True,
    ),
    Command(
        ("receive",), "cli.signing", "receive", "unpack a file from bedside send, once its signature holds",
        (
            Argument("FILE", "file", "the file that bedside send wrote"),
            Argument("--key", "key", "public key (signing.pub); without it only an unsigned candidate is taken", {"metavar": "PUBLIC"}),
            Argument("--out", "out", "new folder (default: the file's name without .zip, here)", {"metavar": "DIR"}),
        ),
        explains=True,
    ),
    Command(
        ("page",), "cli.page", "page", "a release as a web page that answers on the device, without a network",
        (RELEASE, VERIFY_KEY, Argument("--out", "out", "a new zip file, to be unpacked on a file server", {"required": True, "metavar": "FILE"})),
    ),
    Command(
        ("predict",), "cli.patients", "predict", "answers for a table of patients",
        (
            RELEASE,
            Argument("TABLE", "table", "CSV or Parquet file"),
            TARGET,
            Argument("--out", "out", "CSV or Parquet file (default: CSV on standard output)"),
            MAP,
            PUBLIC_KEY,
        ),
        progress=True,
    ),
    Command(
        ("explain",), "cli.patients", "explain", "explanations for the patients of a table, one JSON object each",
        (
            RELEASE,
            Argument("INPUT", "input", "CSV or Parquet table, or a JSON file with one patient's values"),
            Argument("--method", "method", "explainer (default: shap)", {"default": "shap"}),
            Argument("--horizon", "horizon", "of a course: explain the risk at this horizon", {"type": float}),
            Argument("--arm", "arm", "of several treatments: explain what this one changes against the control"),
            PUBLIC_KEY,
        ),
        progress=True,
    ),
    Command(
        ("serve",), "cli.server", "serve", "serve signed releases: API, worklist and review pages",
        (
            Argument("RELEASE", "releases", "folders or zips of releases, beside those that were deployed", {"nargs": "*"}),
            Argument("--key", "key", "public key (signing.pub)", {"required": True, "metavar": "PUBLIC"}),
            LEDGER,
            Argument("--host", "host", "address to listen on (default: 127.0.0.1)", {"default": "127.0.0.1"}),
            Argument("--port", "port", "port (default: 8765)", {"type": int, "default": 8765}),
            TARGET,
            Argument("--solo", "solo", "skip the two approvals; every page says: not approved for care", {"action": "store_true"}),
            Argument("--oip", "oip", "speak the Open Inference Protocol v2 too, for programs with an API key", {"action": "store_true"}),
            Argument("--oidc", "oidc", "TOML file of a log-in provider (OpenID Connect)", {"metavar": "FILE"}),
            Argument("--tls-cert", "tls_cert", "certificate with its chain, in PEM: serve over TLS", {"metavar": "FILE"}),
            Argument("--tls-key", "tls_key", "private key of the certificate, in PEM", {"metavar": "FILE"}),
            Argument("--behind-proxy", "behind_proxy", "addresses of proxies, by comma, whose X-Forwarded-For and -Proto are believed", {"metavar": "ADDRESS"}),
            Argument("--insecure-host", "insecure_host", "allow a host beyond loopback without TLS (behind a proxy that does TLS)", {"action": "store_true"}),
            Argument("--idle-minutes", "idle_minutes", "a session ends after so many minutes without use (default: 15)", {"type": int, "default": 15, "metavar": "N"}),
            Argument("--rate-limit", "rate_limit", "requests a second that one service key may make (default: 10000)", {"type": int, "default": 10_000, "metavar": "N"}),
            Argument("--connections", "connections", "connections that may be open at once (default: 500)", {"type": int, "default": 500, "metavar": "N"}),
        ),
    ),
    Command(
        ("approve",), "cli.standing", "approve", "approve a release for care; two people, one of them a clinician",
        (RELEASE, VERIFY_KEY, USER, Argument("--reason", "reason", "why, in a sentence", {"required": True}), LEDGER),
    ),
    Command(
        ("deploy",), "cli.standing", "deploy", "put a release into service, without a dropped request where a server runs",
        (
            RELEASE,
            VERIFY_KEY,
            USER,
            Argument("--silent", "silent", "let it answer beside the live one, shown to nobody who treats", {"action": "store_true"}),
            Argument("--solo", "solo", "for servers in solo mode: without the two approvals", {"action": "store_true"}),
            Argument("--reason", "reason", "why, in a sentence", {"default": ""}),
            WAIT,
            LEDGER,
        ),
    ),
    Command(
        ("rollback",), "cli.standing", "rollback", "go back to the version that was live before",
        (
            Argument("NAME", "name", "the release's name, or NAME@VERSION: the version to leave"),
            USER,
            Argument("--silent", "silent", "end the silent release of this name instead", {"action": "store_true"}),
            Argument("--reason", "reason", "why, in a sentence", {"default": ""}),
            WAIT,
            LEDGER,
        ),
    ),
    Command(
        ("suspend",), "cli.standing", "suspend", "stop a release at once; any clinician may",
        (STOPPED, PUBLIC_KEY, USER, Argument("--reason", "reason", "why, in a sentence", {"required": True}), LEDGER),
    ),
    Command(
        ("reinstate",), "cli.standing", "reinstate", "let a suspended release answer again; two people, one of them a clinician",
        (STOPPED, PUBLIC_KEY, USER, Argument("--reason", "reason", "why, in a sentence", {"required": True}), LEDGER),
    ),
    Command(
        ("outcomes",), "cli.outcomes", "outcomes", "link what really happened to past answers; with --out, the silent report",
        (
            RELEASE,
            Argument("FILE", "file", "CSV or Parquet with columns answer or patient, outcome (or events and times)[, observed]"),
            USER,
            PUBLIC_KEY,
            Argument("--out", "out", "folder for silent.json and silent.html", {"metavar": "DIR"}),
            LEDGER,
        ),
    ),
    Command(
        ("user", "add"), "cli.server", "user_add", "add a user; prints a one-time password or an API key",
        (
            Argument("NAME", "name", "log-in name"),
            Argument("--role", "role", "clinician, scientist, admin, auditor or service", {"required": True}),
            Argument("--full-name", "full_name", "name that stands under reviews"),
            Argument("--days", "days", "of a service: its key expires after so many days (default: never)", {"type": int, "metavar": "N"}),
            LEDGER,
        ),
    ),
    Command(
        ("user", "renew"), "cli.server", "user_renew", "give a user a new one-time password",
        (Argument("NAME", "name", "log-in name"), LEDGER),
    ),
    Command(
        ("user", "link"), "cli.server", "user_link", "let a user who is there already log in through a provider",
        (
            Argument("NAME", "name", "log-in name"),
            Argument("--issuer", "issuer", "the provider, as its tokens name it", {"required": True, "metavar": "URL"}),
            Argument("--subject", "subject", "the person, as the provider's tokens name it (sub)", {"required": True}),
            LEDGER,
        ),
    ),
    Command(
        ("key", "add"), "cli.service_keys", "key_add", "make one more API key for a service; printed once",
        (
            SERVICE,
            Argument("--days", "days", "it expires after so many days (default: never)", {"type": int, "metavar": "N"}),
            LEDGER,
        ),
    ),
    Command(
        ("key", "list"), "cli.service_keys", "key_list", "the API keys that were not revoked, without their secrets",
        (Argument("SERVICE", "service", "of this service only", {"nargs": "?"}), LEDGER),
    ),
    Command(
        ("key", "revoke"), "cli.service_keys", "key_revoke", "end one API key at once; the others of the service go on",
        (SERVICE, Argument("NUMBER", "number", "of the key, as 'bedside key list' shows it", {"type": int}), LEDGER),
    ),
    Command(
        ("ledger", "migrate"), "cli.ledger", "ledger_migrate", "bring a ledger's tables to the newest revision; give a role the rights of a server",
        (LEDGER, Argument("--grant", "grant", "PostgreSQL role that may serve: adds entries, changes none", {"metavar": "ROLE"})),
    ),
    Command(
        ("ledger", "verify"), "cli.ledger", "ledger_verify", "check the ledger's hash chain; names every row that does not hold",
        (
            LEDGER,
            Argument("--checkpoints", "checkpoints", "a checkpoint, or a folder of them, kept elsewhere", {"metavar": "FILE_OR_DIR"}),
            Argument("--key", "key", "public key (signing.pub) of the checkpoints", {"metavar": "PUBLIC"}),
        ),
        progress=True,
    ),
    Command(
        ("ledger", "checkpoint"), "cli.ledger", "ledger_checkpoint", "sign the ledger's last entry, to be kept elsewhere",
        (
            Argument("--key", "key", "private key (signing.key)", {"required": True}),
            Argument("--out", "out", "a new file, or a folder", {"required": True, "metavar": "FILE_OR_DIR"}),
            LEDGER,
        ),
    ),
    Command(
        ("ledger", "export"), "cli.ledger", "ledger_export", "write the entries as FHIR R4 AuditEvents, one a line",
        (
            Argument("--out", "out", "a new file (.ndjson)", {"required": True, "metavar": "FILE"}),
            Argument("--from", "start", "first entry: its number, or a date or moment (default: 1)", {"default": "1", "metavar": "START"}),
            LEDGER,
        ),
        progress=True,
    ),
    Command(
        ("ledger", "backup"), "cli.ledger", "ledger_backup", "write the whole ledger to one file while the server goes on",
        (Argument("--out", "out", "a new file", {"required": True, "metavar": "FILE"}), LEDGER),
        progress=True,
    ),
    Command(
        ("ledger", "restore"), "cli.ledger", "ledger_restore", "make the ledger of a backup in an empty place, checked first",
        (
            Argument("FILE", "backup", "the backup"),
            Argument("--ledger", "ledger", "URL or path of the new ledger; master key and list of the erased lie there already", {"required": True, "metavar": "URL"}),
        ),
        progress=True,
    ),
    Command(
        ("ledger", "erase"), "cli.ledger", "ledger_erase", "erase a patient by law; nothing about the patient can be read again",
        (
            Argument("PATIENT_ID", "patient", "the patient's id in the hospital"),
            Argument("--user", "user", "the admin who erases; the password is asked for", {"required": True}),
            Argument("--reason", "reason", "why, in a sentence that names no patient", {"required": True}),
            LEDGER,
        ),
    ),
)  # fmt: skip
