"""Pure functions of arrays: the field's measures, their bounds and their intervals.

| question | module |
|---|---|
| what do cost and quality make together? | `frontier`, `curves`, `sweep` |
| how good could anybody be? | `oracle`, `luck`, `rasch`, `cascade` |
| how few strong calls recover the gap of two models? (RouteLLM) | `two_models`, `pairs` |
| how do other boards count? (RouterArena; LLMRouterBench, RouterEval) | `arena`, `suite` |
| what was chosen? | `choices` |
| are predicted scores true? | `calibration` |
| how sure is a figure, and a claim? | `bootstrap`, `significance` |
| what can be promised of a threshold? | `risk` |
| what is a judge's mark worth? | `judging` |
| who wins a pair? | `bradley_terry` |
"""

from __future__ import annotations

from routewright.metrics.arena import (
    arena_score,
    latency_score,
    optimal_accuracy,
    optimal_cost,
    optimal_selection,
    robustness,
)
from routewright.metrics.bootstrap import Draws, Estimate, bootstrap_means
from routewright.metrics.bradley_terry import (
    bradley_terry,
    elo_gap,
    similarity_weights,
    win_rate,
    win_table,
)
from routewright.metrics.calibration import Calibration, brier, calibration, ece, reliability_bins
from routewright.metrics.cascade import (
    CascadePoint,
    TwoStage,
    cascade,
    cascade_points,
    delta_ibc,
    two_stage,
)
from routewright.metrics.choices import (
    BudgetViolation,
    Latencies,
    budget_violation,
    flip_rate,
    latency_percentiles,
    model_recall,
    model_shares,
    regret,
    selection_entropy,
    strong_share,
)
from routewright.metrics.curves import Curves
from routewright.metrics.frontier import (
    Aiq,
    aiq,
    hull_cost,
    hull_members,
    hull_value,
    ndch,
    quality_neutral_cost,
    zero_router,
)
from routewright.metrics.judging import (
    Rectified,
    audited_mean,
    cohen_kappa,
    kappa_interval,
    krippendorff_alpha,
    prediction_powered_mean,
    rogan_gladen,
    rogan_gladen_interval,
)
from routewright.metrics.luck import (
    chance_corrected,
    chance_corrected_oracle,
    cross_fitted_oracle,
    luck_floor,
    oracle_any_correct,
    shuffled_oracle,
)
from routewright.metrics.oracle import OracleChoice, oracle, oracle_curve
from routewright.metrics.pairs import (
    Ceiling,
    PairStatistics,
    apgr_ceiling,
    binary_ceiling,
    cost_saving_ratio,
    dollar_saving,
    pair_statistics,
)
from routewright.metrics.rasch import Rasch, RaschNull, fit_rasch, rasch_null
from routewright.metrics.risk import (
    conformal_allowed_risk,
    conformal_threshold,
    hoeffding_bentkus_p,
    learn_then_test,
    risk_controlled_threshold,
)
from routewright.metrics.significance import (
    Equivalence,
    bootstrap_p,
    discordance,
    holm,
    mcnemar_exact,
    paired_permutation,
    prompts_needed,
    smallest_effect,
    tost,
)
from routewright.metrics.suite import (
    average_accuracy,
    classification_bias,
    cost_save,
    gain,
    gain_at_best,
    gain_at_random,
    gap_at_oracle,
    oracle_mix,
    pareto_dist_ours,
    pareto_front,
    pareto_ratio,
    perf_gain,
    v_b,
    v_r,
)
from routewright.metrics.sweep import Sweep, sweep
from routewright.metrics.two_models import (
    apgr,
    apgr_replicates,
    cpt,
    cpt_replicates,
    pgr_curve,
    threshold_for_share,
    undefined_share,
)

__all__ = [
    "Aiq",
    "BudgetViolation",
    "Calibration",
    "CascadePoint",
    "Ceiling",
    "Curves",
    "Draws",
    "Equivalence",
    "Estimate",
    "Latencies",
    "OracleChoice",
    "PairStatistics",
    "Rasch",
    "RaschNull",
    "Rectified",
    "Sweep",
    "TwoStage",
    "aiq",
    "apgr",
    "apgr_ceiling",
    "apgr_replicates",
    "arena_score",
    "audited_mean",
    "average_accuracy",
    "binary_ceiling",
    "bootstrap_means",
    "bootstrap_p",
    "bradley_terry",
    "brier",
    "budget_violation",
    "calibration",
    "cascade",
    "cascade_points",
    "chance_corrected",
    "chance_corrected_oracle",
    "classification_bias",
    "cohen_kappa",
    "conformal_allowed_risk",
    "conformal_threshold",
    "cost_save",
    "cost_saving_ratio",
    "cpt",
    "cpt_replicates",
    "cross_fitted_oracle",
    "delta_ibc",
    "discordance",
    "dollar_saving",
    "ece",
    "elo_gap",
    "fit_rasch",
    "flip_rate",
    "gain",
    "gain_at_best",
    "gain_at_random",
    "gap_at_oracle",
    "hoeffding_bentkus_p",
    "holm",
    "hull_cost",
    "hull_members",
    "hull_value",
    "kappa_interval",
    "krippendorff_alpha",
    "latency_percentiles",
    "latency_score",
    "learn_then_test",
    "luck_floor",
    "mcnemar_exact",
    "model_recall",
    "model_shares",
    "ndch",
    "optimal_accuracy",
    "optimal_cost",
    "optimal_selection",
    "oracle",
    "oracle_any_correct",
    "oracle_curve",
    "oracle_mix",
    "pair_statistics",
    "paired_permutation",
    "pareto_dist_ours",
    "pareto_front",
    "pareto_ratio",
    "perf_gain",
    "pgr_curve",
    "prediction_powered_mean",
    "prompts_needed",
    "quality_neutral_cost",
    "rasch_null",
    "regret",
    "reliability_bins",
    "risk_controlled_threshold",
    "robustness",
    "rogan_gladen",
    "rogan_gladen_interval",
    "selection_entropy",
    "shuffled_oracle",
    "similarity_weights",
    "smallest_effect",
    "strong_share",
    "sweep",
    "threshold_for_share",
    "tost",
    "two_stage",
    "undefined_share",
    "v_b",
    "v_r",
    "win_rate",
    "win_table",
    "zero_router",
]
