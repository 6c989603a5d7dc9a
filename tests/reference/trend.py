#!/usr/bin/env python3
"""Writes trend.json beside itself: values of SciPy, NumPy, statsmodels and pymannkendall.

    python3 -m venv /tmp/reference
    /tmp/reference/bin/pip install numpy scipy statsmodels pymannkendall
    /tmp/reference/bin/python tests/reference/trend.py
"""
import json
import pathlib

import numpy as np
import pymannkendall
import scipy
import statsmodels
import statsmodels.api as sm
from scipy import stats
from statsmodels.tsa.arima_process import ArmaProcess

rng = np.random.default_rng(20240101)
out = {"made_with": {"numpy": np.__version__, "scipy": scipy.__version__,
                     "statsmodels": statsmodels.__version__, "pymannkendall": "1.4.3"}}

dofs = [2.0, 3.0, 4.5, 8.0, 25.0, 161.0]
out["t_cdf"] = [[t, d, float(stats.t.cdf(t, d))] for d in dofs for t in [-6.0, -1.3, 0.0, 0.2, 2.5, 9.0]]
out["t_quantile"] = [[p, d, float(stats.t.ppf(p, d))] for d in dofs for p in [0.9, 0.975, 0.999]]

x = np.round(rng.normal(40, 7, 37), 3)
out["sample"] = x.tolist()
out["quantiles"] = [[p, float(np.quantile(x, p))] for p in [0.0, 0.03, 0.5, 0.95, 1.0]]
out["mad"] = float(stats.median_abs_deviation(x)) * 1.4826
out["ranks"] = (stats.rankdata(np.round(x), "average") - 1).tolist()

t = np.sort(np.round(rng.uniform(-7, 0, 60), 4))
step = (t >= -3.0).astype(float)
y = np.round(20 + 1.3 * t + 9 * step + rng.normal(0, 1, 60), 4)
model = sm.OLS(y, np.column_stack([np.ones(60), t, step])).fit()
out["ols"] = {"t": t.tolist(), "y": y.tolist(), "beta": model.params.tolist(),
              "unscaled_covariance": model.normalized_cov_params.ravel().tolist()}

out["arma_inflation"] = []
for phi, theta in [(0.5, 0.0), (0.8, 0.0), (0.9, -0.5)]:
    process = ArmaProcess([1, -phi], [1, theta])
    g = process.acovf(4000)
    out["arma_inflation"].append([phi, theta, float((g[0] + 2 * g[1:].sum()) / g[0])])

hour = np.arange(336) % 24
days = np.arange(336) / 24.0
effect = np.where((hour >= 8) & (hour < 18), 12.0, 0.0)
z = np.round(30 + 0.4 * days + effect + rng.normal(0, 1.5, 336), 3)
design = np.column_stack([(hour == h).astype(float) for h in range(24)] + [days])
fit = sm.OLS(z, design).fit()
out["hours"] = {"y": z.tolist(), "slope": float(fit.params[-1]), "effects": (fit.params[:24] - fit.params[:24].mean()).tolist()}

out["mann_kendall"] = []
for slope in [0.0, 0.5, -0.8]:
    v = np.round(35 + slope * np.arange(336) / 24.0 + rng.normal(0, 1.2, 336), 3)
    result = pymannkendall.hamed_rao_modification_test(v)
    out["mann_kendall"].append({"y": v.tolist(), "trend": result.trend, "sen_slope_per_day": float(result.slope * 24)})

pathlib.Path(__file__).with_name("trend.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
