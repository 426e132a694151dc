"""Pack, open, sign, verify: the waist of the hourglass."""

from bedside.release.candidate import Candidate, attach, golden_check, open_candidate
from bedside.release.card import model_card
from bedside.release.folder import candidate_digest, write_file
from bedside.release.keys import keygen
from bedside.release.manifest import Conformal, Equality, Manifest, Network, Origin, Outputs, ReviewRule, TargetFile
from bedside.release.model import Model, Prediction, processor_class
from bedside.release.pack import Parts, pack
from bedside.release.signing import Signing, sign
from bedside.release.target import Target, target
from bedside.release.verification import Release, Verified, open_release, verify

__all__ = [
    "Candidate",
    "Conformal",
    "Equality",
    "Manifest",
    "Model",
    "Network",
    "Origin",
    "Outputs",
    "Parts",
    "Prediction",
    "Release",
    "ReviewRule",
    "Signing",
    "Target",
    "TargetFile",
    "Verified",
    "attach",
    "candidate_digest",
    "golden_check",
    "keygen",
    "model_card",
    "open_candidate",
    "open_release",
    "pack",
    "processor_class",
    "sign",
    "target",
    "verify",
    "write_file",
]
