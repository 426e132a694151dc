"""Counts for operators, in Prometheus' text format (version 0.0.4)."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper ends of the latency histogram, in seconds."""


@dataclass(frozen=True)
class Metrics:
    """What has been counted since this process started; safe from several threads."""

    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    buckets: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    abstentions: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    blind: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    deployments: Counter[str] = field(default_factory=Counter)
    silent_failures: Counter[str] = field(default_factory=Counter)
    trouble: Counter[str] = field(default_factory=Counter)
    surplus: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was served; ``route`` is the declared path, never the one asked for."""
        with self.lock:
            self.requests[method, route, status] += 1
            self.seconds[route] += seconds  # type: ignore[assignment]  # a Counter sums any number
            self.buckets[route, bisect_left(BUCKETS, seconds)] += 1

    def answer(self, release: str, *, abstained: bool) -> None:
        """One answer was given."""
        with self.lock:
            self.answers[release] += 1
            self.abstentions[release] += abstained

    def verdict(self, verdict: str) -> None:
        """One review was signed."""
        with self.lock:
            self.verdicts[verdict] += 1

    def deployment(self, outcome: str) -> None:
        """A deployment was ``taken-over`` or ``refused`` by this server."""
        with self.lock:
            self.deployments[outcome] += 1

    def silent_failure(self, release: str) -> None:
        """A silent release failed to answer; the live answer was given all the same."""
        with self.lock:
            self.silent_failures[release] += 1

    def unfollowed(self) -> None:
        """The ledger could not be asked what other processes entered about the releases."""
        with self.lock:
            self.blind["ledger"] += 1

    def ledger_trouble(self, route: str) -> None:
        """A request failed because the ledger could not be read or written."""
        with self.lock:
            self.trouble[route] += 1

    def limited(self, who: str) -> None:
        """One request was refused because its sender had made too many; ``who``: ``known`` or ``stranger``."""
        with self.lock:
            self.refused[who] += 1

    def turned_away(self) -> None:
        """A connection was refused because there were too many."""
        with self.lock:
            self.surplus["too-many"] += 1

    def text(self, unreviewed: int, releases: Sequence[tuple[str, str, str, bool]], *, ready: bool) -> str:
        """Everything, with the number of answers that wait for review.

        ``releases``: name, version, mode and whether it is suspended, of each that is loaded.
        """
        with self.lock:
            lines = [
                *_requests(self),
                *_counter("bedside_answers_total", "Answers given.", "release", self.answers),
                *_counter("bedside_abstentions_total", "Answers without an estimate.", "release", self.abstentions),
                *_counter("bedside_verdicts_total", "Reviews signed.", "verdict", self.verdicts),
                *_counter(
                    "bedside_deployments_total", "Deployments that this server met.", "outcome", self.deployments
                ),
                *_counter(
                    "bedside_silent_failures_total", "Silent answers that failed.", "release", self.silent_failures
                ),
                *_counter(
                    "bedside_unfollowed_total", "Looks for what others entered that failed.", "where", self.blind
                ),
                *_counter("bedside_ledger_errors_total", "Requests that failed for the ledger.", "route", self.trouble),
                *_counter("bedside_rate_limited_total", "Requests refused with 429.", "who", self.refused),
                *_counter("bedside_connections_refused_total", "Connections refused with 503.", "why", self.surplus),
            ]
        lines += _head("bedside_unreviewed", "gauge", "Answers that wait for a physician.")
        lines += [f"bedside_unreviewed {unreviewed}"]
        lines += _releases(releases)
        lines += _head("bedside_ready", "gauge", "1 once the golden cases were reproduced on this machine.")
        lines += [f"bedside_ready {int(ready)}"]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, description: str) -> list[str]:
    return [f"# HELP {name} {description}", f"# TYPE {name} {kind}"]


def _counter(name: str, description: str, label: str, counts: Counter[str]) -> list[str]:
    rows = [f'{name}{{{label}="{_escaped(key)}"}} {count}' for key, count in sorted(counts.items())]
    return [*_head(name, "counter", description), *rows]


def _releases(releases: Sequence[tuple[str, str, str, bool]]) -> list[str]:
    rows = [
        f'bedside_release{{release="{_escaped(name)}",version="{_escaped(version)}",mode="{mode}"}} 1'
        for name, version, mode, _ in releases
    ]
    stopped = [
        f'bedside_release_suspended{{release="{_escaped(name)}",version="{_escaped(version)}"}} {int(suspended)}'
        for name, version, _, suspended in releases
    ]
    return [
        *_head("bedside_release", "gauge", "Releases that are loaded; mode: live, silent, loaded or withdrawn."),
        *rows,
        *_head("bedside_release_suspended", "gauge", "1 while the release must not answer."),
        *stopped,
    ]


def _requests(metrics: Metrics) -> list[str]:
    lines = _head("bedside_requests_total", "counter", "HTTP requests by declared route.")
    totals: Counter[str] = Counter()
    for (method, route, status), count in sorted(metrics.requests.items()):
        lines.append(f'bedside_requests_total{{method="{method}",route="{_escaped(route)}",status="{status}"}} {count}')
        totals[route] += count
    lines += _head("bedside_request_seconds", "histogram", "Time from the request to the end of its reply.")
    for route, total in sorted(totals.items()):
        label = f'route="{_escaped(route)}"'
        within = accumulate(metrics.buckets[route, position] for position in range(len(BUCKETS)))
        lines += [
            f'bedside_request_seconds_bucket{{{label},le="{bound}"}} {count}'
            for bound, count in zip(BUCKETS, within, strict=True)
        ]
        lines.append(f'bedside_request_seconds_bucket{{{label},le="+Inf"}} {total}')
        lines.append(f"bedside_request_seconds_sum{{{label}}} {metrics.seconds[route]:.6f}")
        lines.append(f"bedside_request_seconds_count{{{label}}} {total}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
