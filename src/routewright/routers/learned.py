"""The members of the stack as routers of their own: kNN, k-means, ridge, and length alone."""

from __future__ import annotations

import numpy as np

from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT, View
from routewright.encoders.features import FEATURES
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta
from routewright.routers.clusters import Clusters, fit_clusters
from routewright.routers.linear import Ridge, fit_score_ridge
from routewright.routers.neighbours import Neighbours, fit_neighbours
from routewright.routers.packing import Holds, expect, pack, unpack


class KnnRouter(BaseRouter):
    """Cosine nearest neighbours, shrunk towards the training means.

    Args:
        k: neighbours; None tries clip(1.5·√n, 40, 200), half and twice that, leaving one out.
        temperature: of the weights exp((similarity - 1) / temperature); None tries several.
        kappa: pseudo-counts of the training mean; None chooses 3 or 10, leaving one out.
        encoder: turns text into vectors.
        seed: of the encoder.
    """

    name = "knn"
    complexity = 40

    def __init__(
        self,
        *,
        k: int | None = None,
        temperature: float | None = None,
        kappa: float | None = None,
        encoder: str = DEFAULT,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
        self.k = k
        self.temperature = temperature
        self.kappa = kappa

    def _fit(self, data: RoutingData, view: View) -> None:
        self.neighbours_ = fit_neighbours(
            view.places,
            data.scores,
            self.train_means_["scores"],
            data.groups,
            k=self.k,
            temperature=self.temperature,
            kappa=self.kappa,
        )

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        return self.neighbours_.predict(view.places)[:2]

    def _state(self) -> tuple[Arrays, Meta]:
        chosen = {"k": self.neighbours_.k, "temperature": self.neighbours_.temperature}
        return pack("knn", self.neighbours_), chosen

    def _restore(self, arrays: Arrays) -> None:
        self.neighbours_ = unpack("knn", Neighbours, arrays)


class KMeansRouter(BaseRouter):
    """Mean scores of the nearest clusters, shrunk towards the training means.

    Args:
        clusters: how many; None chooses among 8, 16, 32 and 64, leaving one out.
        near: clusters that have a say, the more alike the more; None chooses among 1, 2 and 3,
            leaving one out.
        kappa: pseudo-counts of the training mean.
        encoder: turns text into vectors.
        seed: of encoder and clusters.
    """

    name = "kmeans"
    complexity = 30

    def __init__(
        self,
        *,
        clusters: int | None = None,
        near: int | None = None,
        kappa: float = 10.0,
        encoder: str = DEFAULT,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
        self.clusters = clusters
        self.near = near
        self.kappa = kappa

    def _fit(self, data: RoutingData, view: View) -> None:
        self.clusters_ = fit_clusters(
            view.places,
            data.scores,
            self.train_means_["scores"],
            clusters=self.clusters,
            near=self.near,
            kappa=self.kappa,
            seed=self.seed,
        )

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        return self.clusters_.predict(view.places)

    def _state(self) -> tuple[Arrays, Meta]:
        chosen = {"clusters": len(self.clusters_.centres), "near": self.clusters_.near}
        return pack("kmeans", self.clusters_), chosen

    def _restore(self, arrays: Arrays) -> None:
        self.clusters_ = unpack("kmeans", Clusters, arrays)


class RidgeRouter(BaseRouter):
    """Ridge regression on vector and features; the penalty is chosen leaving one out.

    Args:
        alpha: the penalty; None chooses it by the centred error.
        encoder: turns text into vectors.
        seed: of the encoder.
    """

    name = "ridge"
    complexity = 20

    def __init__(
        self, *, alpha: float | None = None, encoder: str = DEFAULT, seed: int = 0
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
        self.alpha = alpha

    def _design(self, view: View) -> Floats:
        return view.design

    def _fit(self, data: RoutingData, view: View) -> None:
        tries = {} if self.alpha is None else {"alphas": (self.alpha,)}
        mu = self.train_means_["scores"]
        self.ridge_ = fit_score_ridge(self._design(view), data.scores, mu, **tries)
        self.n_ = len(data)

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        design = self._design(view)
        reach = np.sqrt(np.maximum(self.ridge_.leverage(design), 0.0) + 1 / self.n_)
        return self.ridge_.predict(design), reach[:, None] * self.ridge_.sigma

    def _state(self) -> tuple[Arrays, Meta]:
        return pack("ridge", self.ridge_) | {"n": np.asarray(self.n_)}, {"alpha": self.ridge_.alpha}

    def _restore(self, arrays: Arrays) -> None:
        self.ridge_ = unpack("ridge", Ridge, arrays)
        self.n_ = int(expect("n", arrays["n"], Holds(low=1), np.int64))


class LengthRouter(RidgeRouter):
    """Ridge regression on the logarithm of the characters alone: no straw man as a baseline."""

    name = "length"
    complexity = 10

    def __init__(self, *, alpha: float | None = None, seed: int = 0) -> None:
        super().__init__(alpha=alpha, encoder="", seed=seed)

    def _design(self, view: View) -> Floats:
        column = FEATURES.index("log_chars")
        return view.features[:, column : column + 1]
