"""What came out: samples by measure and server, and the one figure that stands for several samples."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.rooms.contenders import Contender
from benchmarks.rooms.plan import Sample, Scale

#: What must not happen even once, so that the worst sample counts.
_WORST = {"lost", "unfinished"}


@dataclass
class Figures:
    """Everything that one run has measured. *about* says where and with what."""

    scale: Scale
    about: dict[str, str]
    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, measure: str, contender: Contender, sample: Sample) -> None:
        self.samples.setdefault(measure, {}).setdefault(contender, []).append(sample)

    def value(self, measure: str, contender: Contender, key: str) -> float | None:
        """The median of the samples, None where nothing was measured."""
        taken = self.samples.get(measure, {}).get(contender, [])
        values = [sample[key] for sample in taken if sample.get(key) is not None]
        if not values:
            return None
        return float(max(values) if key in _WORST else statistics.median(values))

    def everywhere(self, key: str) -> list[float]:
        """What each sample has under *key*."""
        return [
            sample[key]
            for by_contender in self.samples.values()
            for taken in by_contender.values()
            for sample in taken
            if key in sample
        ]

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Figures:
        """What ``write`` has written."""
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(Scale(**content.pop("scale")), **content)
