"""Claims of TGANv2's paper about its tables, by section.

Saito et al., "Train Sparsely, Generate Densely" (IJCV 2020). A claim has the paper's wording, also if the paper's own
numbers contradict it: `retable table` prints both verdicts.
"""

from retable.study.claims import Claim, Place, each_beats, rising

METRICS = ("IS", "FID")
OTHERS = ("VGAN", "TGAN", "MoCoGAN", "ProgressiveVGAN", "ProgressiveVGAN w/ SWL")
OURS = ("Our model (s_t = 2)", "Our model (s_t = 4)")
BASELINES = ("Single 3D discriminator only", "3D + 2D discriminators")
NAIVE = "Naive implementation"
BATCHES = ("batch 4", "batch 8", "batch 16", "batch 32", "batch 64", "batch 128")
NAIVE_TRAINED = BATCHES[:4]  # the paper has no naive model above 32


def both(table: str, *rows: str) -> tuple[Place, ...]:
    """Cells of the rows in IS and FID."""
    return tuple(Place(table, row, metric) for row in rows for metric in METRICS)


def inception(table: str, *rows: str) -> tuple[Place, ...]:
    """Cells of the rows in IS."""
    return tuple(Place(table, row, "IS") for row in rows)


SUBSAMPLING = (
    Claim(
        "5.7",
        "on four GPUs, both our models beat the naive model and both baselines",
        each_beats(both("2", *OURS), both("2", NAIVE, *BASELINES)),
    ),
    Claim(
        "5.7",
        "on four GPUs, the Inception score of both our models exceeds every existing method's",
        each_beats(inception("2", *OURS), inception("2", *OTHERS)),
    ),
    Claim(
        "5.7",
        "the Inception scores of both baselines are below those of the other existing methods",
        each_beats(inception("2", *OTHERS), inception("2", *BASELINES)),
    ),
    Claim(
        "5.7",
        "on four GPUs, s_t = 4 beats s_t = 2 in IS and FID",
        each_beats(both("2", OURS[1]), both("2", OURS[0])),
    ),
    Claim(
        "5.7",
        "going from no subsampling to s_t = 2 gains more IS than going on to s_t = 4",
        (
            Place("2", OURS[0], "IS")
            .gain_over(Place("2", NAIVE, "IS"))
            .exceeds(Place("2", OURS[1], "IS").gain_over(Place("2", OURS[0], "IS"))),
        ),
    ),
    Claim(
        "5.8",
        "on a single GPU, the Inception score of both our models still exceeds every existing method's",
        tuple(Place("3", ours, "IS").beats(Place("2", other, "IS")) for ours in OURS for other in OTHERS),
    ),
    Claim(
        "5.8",
        "on a single GPU, the naive model is worse than every existing method",
        tuple(Place("2", other, "IS").beats(Place("3", NAIVE, "IS")) for other in OTHERS),
    ),
    Claim(
        "5.9",
        "at 32 clips for every method, both our models beat the naive model and both baselines",
        each_beats(both("4", *OURS), both("4", NAIVE, *BASELINES)),
    ),
    Claim(
        "5.9, 6",
        "32 clips help the naive model and the baselines less than subsampling layers would",
        tuple(
            Place("4", OURS[0], metric)
            .gain_over(Place("4", other, metric))
            .exceeds(Place("4", other, metric).gain_over(Place("2", other, metric)))
            for other in (NAIVE, *BASELINES)
            for metric in METRICS
        ),
    ),
    Claim(
        "5.10",
        "s_t = 2 and s_t = 4 beat the naive model at every batch size",
        tuple(
            Place(table, batch, ours).beats(Place(table, batch, "Naive impl."))
            for table in ("5", "6")
            for batch in NAIVE_TRAINED
            for ours in ("s_t = 2", "s_t = 4")
        ),
    ),
    Claim(
        "5.10, 6",
        "s_t = 4 beats s_t = 2 at every batch size",
        tuple(
            Place(table, batch, "s_t = 4").beats(Place(table, batch, "s_t = 2"))
            for table in ("5", "6")
            for batch in BATCHES
        ),
    ),
    Claim(
        "6",
        "a larger batch gives a better Inception score",
        rising([Place("5", batch, "s_t = 2") for batch in BATCHES])
        + rising([Place("5", batch, "s_t = 4") for batch in BATCHES]),
    ),
    Claim(
        "6",
        "a larger batch gives a better Fréchet distance",
        rising([Place("6", batch, "s_t = 2") for batch in BATCHES])
        + rising([Place("6", batch, "s_t = 4") for batch in BATCHES]),
    ),
    Claim(
        "5.12",
        "each further subsampling layer improves IS and FID (s_t = 2)",
        tuple(
            step
            for metric in METRICS
            for step in rising([Place("9", row, metric) for row in ("Naive impl.", "S1", "S1+S2", "Full")])
        ),
    ),
    Claim(
        "5.12",
        "S1 contributes most (s_t = 2)",
        tuple(
            Place("9", "S1", metric)
            .gain_over(Place("9", "Naive impl.", metric))
            .exceeds(Place("9", more, metric).gain_over(Place("9", less, metric)))
            for metric in METRICS
            for more, less in (("S1+S2", "S1"), ("Full", "S1+S2"))
        ),
    ),
    Claim(
        "5.12",
        "S1 contributes most (s_t = 4)",
        tuple(
            Place("10", "S1", metric)
            .gain_over(Place("10", "Naive impl.", metric))
            .exceeds(Place("10", more, metric).gain_over(Place("10", "S1", metric)))
            for metric in METRICS
            for more in ("S1+S3", "Full")
        ),
    ),
    Claim(
        "5.12",
        "S2 matters more than S3 (s_t = 4)",
        each_beats(both("10", "Full"), both("10", "S1+S3")),
    ),
    Claim(
        "6",
        "turning on the layers after S1 never lowers a score",
        tuple(
            Place(table, more, metric).beats(Place(table, less, metric))
            for table, more, less in (
                ("9", "S1+S2", "S1"),
                ("9", "Full", "S1+S2"),
                ("10", "S1+S3", "S1"),
                ("10", "Full", "S1"),
            )
            for metric in METRICS
        ),
    ),
    Claim(
        "5.13",
        "one subsampling layer hurts both baselines",
        tuple(
            Place(table, baseline, "Naive impl.").beats(Place(table, baseline, stride))
            for table in ("11", "12")
            for baseline in ("3D dis. only", "3D + 2D dis.")
            for stride in ("s_t = 2", "s_t = 4")
        ),
    ),
    Claim(
        "5.13",
        "it hurts them more at s_t = 4",
        tuple(
            Place(table, baseline, "s_t = 2").beats(Place(table, baseline, "s_t = 4"))
            for table in ("11", "12")
            for baseline in ("3D dis. only", "3D + 2D dis.")
        ),
    ),
)

CONDITIONAL = (
    Claim(
        "5.11",
        "the conditional model beats the unconditional at every batch size and s_t",
        tuple(
            Place(table, batch, f"s_t = {s_t}, conditional").beats(Place(table, batch, f"s_t = {s_t}, pure"))
            for table in ("7", "8")
            for batch in BATCHES[2:5]
            for s_t in (2, 4)
        ),
    ),
    Claim(
        "5.11",
        "at 32 clips, the conditional model's Fréchet distance is better than every unconditional one",
        tuple(
            Place("8", "batch 32", f"s_t = {s_t}, conditional").beats(
                Place("8", batch, f"s_t = {other}, pure")
            )
            for s_t in (2, 4)
            for batch in BATCHES[2:5]
            for other in (2, 4)
        ),
    ),
    Claim(
        "5.11",
        "a larger batch gives conditional models a better Inception score",
        rising([Place("7", batch, "s_t = 2, conditional") for batch in BATCHES[2:5]])
        + rising([Place("7", batch, "s_t = 4, conditional") for batch in BATCHES[2:5]]),
    ),
    Claim(
        "5.11",
        "from 32 to 64 clips, their Fréchet distance gets worse",
        tuple(
            Place("8", "batch 32", f"s_t = {s_t}, conditional").beats(
                Place("8", "batch 64", f"s_t = {s_t}, conditional")
            )
            for s_t in (2, 4)
        ),
    ),
    Claim(
        "5.11",
        "s_t = 2 with 64 clips and labels has the best Inception score of all",
        tuple(
            Place("7", "batch 64", "s_t = 2, conditional").beats(Place("7", batch, f"s_t = {s_t}, {kind}"))
            for batch in BATCHES[2:5]
            for s_t in (2, 4)
            for kind in ("pure", "conditional")
            if (batch, s_t, kind) != ("batch 64", 2, "conditional")
        ),
    ),
)
