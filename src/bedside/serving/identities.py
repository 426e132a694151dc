"""The identity that comes with a question, on its way into the ledger."""

from __future__ import annotations

from bedside.ledger import Identity, User
from bedside.serving.documents import PatientIdentity
from bedside.serving.service import Service


def patient_ref(service: Service, user: User, patient: PatientIdentity | None) -> str | None:
    """The patient's reference in the ledger, where an identity was sent."""
    return service.ledger.patient(_identity(patient), actor=user.name) if patient else None


def _identity(patient: PatientIdentity) -> Identity:
    born = patient.birth_date.isoformat() if patient.birth_date else None
    return Identity(id=patient.id.strip(), name=patient.name, birth_date=born)
