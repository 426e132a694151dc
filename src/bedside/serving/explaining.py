"""A stored answer explained again: at another horizon of its course, or what another treatment changes."""

from __future__ import annotations

from bedside.explanation import Explanation
from bedside.serving.documents import AnswerReply
from bedside.serving.replay import again
from bedside.serving.service import Loaded, Service


def explained_about(
    service: Service, shown: AnswerReply, loaded: Loaded, horizon: float | None, arm: str | None
) -> Explanation | None:
    """What pushed the risk at `horizon`, or what `arm` changes, by the release that answered, from the stored values.

    Nothing of it is kept. None where there is nothing to explain: the model abstains, or the reader's own estimate is
    due. Raises ``ValueRefused`` where the release has no such estimate, or not of this patient.
    """
    if shown.course is None and shown.arms is None:
        return None
    with service.computing:
        return again(loaded, shown, explain=True, horizon=horizon, arm=arm).explanation
