"""Train a fraud model on the feature store's training data, and say how good it is.

    python train.py                   # after `mlforge build`; writes model/

A model is trained on the first nine months of labels and judged on the last three: it sees a
transaction as it came, and of customer and merchant what was known a moment before it.
"""

from __future__ import annotations

import json

import fraud_model
import joblib
import matplotlib as mpl
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

import mlforge_sql as mlf

JUDGED_FROM = pd.Timestamp("2024-10-01")
FLAGGED = 0.02
"""Share of transactions that people can look at."""


def labelled() -> pd.DataFrame:
    """Every labelled transaction with its own columns and the features as of its time."""
    labels = pd.read_parquet(fraud_model.HERE / "data" / "labels.parquet")
    project = mlf.load_project(fraud_model.HERE)
    rows = project.get_training_data(fraud_model.FEATURES, labels, "label_time")
    own = pd.read_parquet(fraud_model.HERE / "data" / "transactions.parquet")
    own["transaction_time"] = pd.to_datetime(own["transaction_time"])
    added = own.drop(columns=[*fraud_model.KEYS, "is_fraud"])
    return rows.merge(added, on="transaction_id", validate="one_to_one")


def report(truth: pd.Series, score: pd.Series) -> dict[str, float]:
    """How good a score is, on transactions that the model has not seen."""
    flagged = score.nlargest(max(round(len(score) * FLAGGED), 1)).index
    return {
        "transactions": len(truth),
        "frauds": int(truth.sum()),
        "average_precision": round(float(average_precision_score(truth, score)), 4),
        "roc_auc": round(float(roc_auc_score(truth, score)), 4),
        "frauds_in_top_2_percent": int(truth[flagged].sum()),
    }


def plot(truth: pd.Series, score: pd.Series) -> None:
    """Draw precision against recall."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    precision, recall, _ = precision_recall_curve(truth, score)
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.step(recall, precision, where="post", label="model")
    axes.axhline(truth.mean(), linestyle=":", color="grey", label="by chance")
    axes.set(
        xlabel="recall", ylabel="precision", title="Fraud, October to December", ylim=(0, 1.02)
    )
    axes.legend()
    figure.tight_layout()
    figure.savefig(fraud_model.FOLDER / "precision_recall.png", dpi=120)
    plt.close(figure)


def main() -> None:
    """Train, judge, write."""
    rows = labelled()
    seen = rows["label_time"] < JUDGED_FROM
    model = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.05, class_weight="balanced", random_state=0
    )
    model.fit(fraud_model.inputs(rows[seen]), rows.loc[seen, "is_fraud"])
    held_out = rows[~seen]
    chances = model.predict_proba(fraud_model.inputs(held_out))[:, 1]
    score = pd.Series(chances, index=held_out.index)
    found = report(held_out["is_fraud"], score)
    fraud_model.FOLDER.mkdir(exist_ok=True)
    joblib.dump(model, fraud_model.MODEL)
    metrics = json.dumps(found, indent=2) + "\n"
    (fraud_model.FOLDER / "metrics.json").write_text(metrics, encoding="utf-8")
    plot(held_out["is_fraud"], score)
    print(
        f"trained on {int(seen.sum()):,} transactions, judged on those from {JUDGED_FROM:%Y-%m-%d}:"
    )
    for name, value in found.items():
        print(f"  {name:<24}{value:>10,}")
    print("wrote model/: fraud_model.joblib, metrics.json, precision_recall.png")


if __name__ == "__main__":
    main()
