"""A stored answer explained again, at another horizon of its course."""

from __future__ import annotations

from bedside.explanation import Explanation
from bedside.serving.documents import AnswerReply
from bedside.serving.replay import again
from bedside.serving.service import Loaded, Service


def explained_at(service: Service, shown: AnswerReply, loaded: Loaded, horizon: float) -> Explanation | None:
    """What pushed the risk at `horizon`, by the release that answered, from the values that are stored.

    Nothing of it is kept. None where there is nothing to explain: the model abstains, or the reader's own estimate is
    due. Raises ``ValueRefused`` where the release gives no risk there.
    """
    if shown.course is None:
        return None
    with service.computing:
        return again(loaded, shown, explain=True, horizon=horizon).explanation
