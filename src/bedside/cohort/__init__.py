"""Who is in, what is asked, and how patients are split."""

from bedside.cohort.adoption_plan import AdoptionPlan, Column, Prepared
from bedside.cohort.adoption_section import not_adoptable
from bedside.cohort.assembly import assemble
from bedside.cohort.checking import DataCheck, SiteFacts, VariableFacts, check
from bedside.cohort.cohort import AttritionStep, Cohort, Finding
from bedside.cohort.draft import draft_study
from bedside.cohort.external import external_cohort
from bedside.cohort.follow_up_check import FollowUpFacts, HorizonFacts
from bedside.cohort.guidance_plan import GuidancePlan
from bedside.cohort.marginal_course import marginal_course
from bedside.cohort.masks import subgroup_masks
from bedside.cohort.sample_size_check import SampleSizeFacts
from bedside.cohort.splitting import Split, patient_groups, split
from bedside.cohort.study import (
    Compared,
    Data,
    FollowUp,
    Gate,
    Outcome,
    Quantity,
    Scale,
    Study,
    Subgroup,
    TargetLimits,
    Task,
    Training,
    Treatment,
    ValidationPlan,
)
from bedside.cohort.study_file import read_study
from bedside.cohort.study_keys import KNOWN_KEYS
from bedside.cohort.tasks import task, task_names

__all__ = [
    "KNOWN_KEYS",
    "AdoptionPlan",
    "AttritionStep",
    "Cohort",
    "Column",
    "Compared",
    "Data",
    "DataCheck",
    "Finding",
    "FollowUp",
    "FollowUpFacts",
    "Gate",
    "GuidancePlan",
    "HorizonFacts",
    "Outcome",
    "Prepared",
    "Quantity",
    "SampleSizeFacts",
    "Scale",
    "SiteFacts",
    "Split",
    "Study",
    "Subgroup",
    "TargetLimits",
    "Task",
    "Training",
    "Treatment",
    "ValidationPlan",
    "VariableFacts",
    "assemble",
    "check",
    "draft_study",
    "external_cohort",
    "marginal_course",
    "not_adoptable",
    "patient_groups",
    "read_study",
    "split",
    "subgroup_masks",
    "task",
    "task_names",
]
