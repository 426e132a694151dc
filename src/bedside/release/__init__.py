"""Pack, open, sign, verify: the waist of the hourglass."""

from bedside.release.arms import Arms
from bedside.release.candidate import Candidate, attach, evidence_digest, golden_check, open_candidate
from bedside.release.card import model_card
from bedside.release.choosing import FASTER, Chosen, chosen
from bedside.release.comparison import FileState
from bedside.release.course import Band, Course, estimate_name
from bedside.release.dose import Dose
from bedside.release.dropping import drop
from bedside.release.folder import candidate_digest, write_file
from bedside.release.footprint import Footprint, footprint, single_latency
from bedside.release.guidance import Guidance, guidance_of
from bedside.release.keys import keygen
from bedside.release.making import refuse_unmakeable
from bedside.release.manifest import Conformal, Equality, Manifest, Network, Origin, Outputs, ReviewRule, TargetFile
from bedside.release.model import Model, Prediction, processor_class
from bedside.release.pack import Parts, pack
from bedside.release.signing import Signing, sign
from bedside.release.target import REFERENCE, Material, Target, carried, runs_here, target
from bedside.release.travel import Received, Sent, receive, send
from bedside.release.verification import Release, Verified, open_release, verify

__all__ = [
    "FASTER",
    "REFERENCE",
    "Arms",
    "Band",
    "Candidate",
    "Chosen",
    "Conformal",
    "Course",
    "Dose",
    "Equality",
    "FileState",
    "Footprint",
    "Guidance",
    "Manifest",
    "Material",
    "Model",
    "Network",
    "Origin",
    "Outputs",
    "Parts",
    "Prediction",
    "Received",
    "Release",
    "ReviewRule",
    "Sent",
    "Signing",
    "Target",
    "TargetFile",
    "Verified",
    "attach",
    "candidate_digest",
    "carried",
    "chosen",
    "drop",
    "estimate_name",
    "evidence_digest",
    "footprint",
    "golden_check",
    "guidance_of",
    "keygen",
    "model_card",
    "open_candidate",
    "open_release",
    "pack",
    "processor_class",
    "receive",
    "refuse_unmakeable",
    "runs_here",
    "send",
    "sign",
    "single_latency",
    "target",
    "verify",
    "write_file",
]
