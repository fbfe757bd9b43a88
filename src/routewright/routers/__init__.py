"""Routing data → router: one family per file, one interface.

    router = routers.make("stack").fit(data)
    router.predict(prompts).scores
    router.save("router/"); routers.load("router/")

Other packages add routers through the entry-point group ``routewright.routers``.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routewright.errors import ConfigError
from routewright.routers.base import BaseRouter, Predictions

if TYPE_CHECKING:
    from routewright.routers.check import check_router
    from routewright.routers.manifest import read_manifest
    from routewright.routers.published import from_pretrained, push_to_hub
    from routewright.routers.worth import out_of_fold, recommend_worth

__all__ = [
    "BaseRouter",
    "Predictions",
    "check_router",
    "from_pretrained",
    "kind",
    "load",
    "make",
    "names",
    "out_of_fold",
    "push_to_hub",
    "read_manifest",
    "recommend_worth",
]

GROUP = "routewright.routers"

_FAMILIES = {
    "random": "baselines:RandomRouter",
    "cheapest": "baselines:CheapestRouter",
    "best-single": "baselines:BestSingleRouter",
    "zero": "baselines:ZeroRouter",
    "oracle": "baselines:OracleRouter",
    "cost-only": "baselines:CostOnlyRouter",
    "task": "tasks:TaskRouter",
    "length": "learned:LengthRouter",
    "knn": "learned:KnnRouter",
    "kmeans": "learned:KMeansRouter",
    "ridge": "learned:RidgeRouter",
    "partial": "partial:PartialRouter",
    "logistic": "logistic:LogisticRouter",
    "svm": "svm:SvmRouter",
    "mlp": "mlp:MlpRouter",
    "irt": "irt:IrtRouter",
    "forest": "forest:ForestRouter",
    "boosting": "boosting:BoostingRouter",
    "sw-ranking": "ranking:RankingRouter",
    "mf": "factors:FactorRouter",
    "stack": "stack:StackRouter",
    "hybrid": "hybrid:HybridRouter",
    "bert": "bert.router:BertRouter",
    "causal-llm": "causal:CausalLlmRouter",
}
_LAZY = {
    "check_router": "check",
    "from_pretrained": "published",
    "push_to_hub": "published",
    "out_of_fold": "worth",
    "read_manifest": "manifest",
    "recommend_worth": "worth",
}


def names() -> list[str]:
    """The routers that can be made: the package's own, then those of plug-ins."""
    plugins = sorted({point.name for point in entry_points(group=GROUP)} - _FAMILIES.keys())
    return [*_FAMILIES, *plugins]


def kind(name: str) -> type[BaseRouter]:
    """The class of a router.

    Raises:
        ConfigError: no router has this name, or a plug-in's is not a router.
    """
    if name in _FAMILIES:
        module, _, attribute = _FAMILIES[name].partition(":")
        return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    for point in entry_points(group=GROUP):
        if point.name == name:
            found: Any = point.load()
            if isinstance(found, type) and issubclass(found, BaseRouter):
                return found
            raise ConfigError(f"router {name!r}: {point.value} is not a subclass of BaseRouter")
    raise ConfigError(f"no router {name!r}; there are {', '.join(names())}")


def make(name: str, **params: Any) -> BaseRouter:
    """A router by name, not yet fitted.

    Raises:
        ConfigError: an unknown name, or a parameter that the router does not take.
    """
    family = kind(name)
    try:
        return family(**params)
    except TypeError as error:
        raise ConfigError(f"router {name!r}: {error}") from error


def load(path: str | Path) -> BaseRouter:
    """Read a trained router; see ``BaseRouter.load``.

    Raises:
        ArtefactError: damaged, foreign, or of another version.
    """
    return BaseRouter.load(path)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
