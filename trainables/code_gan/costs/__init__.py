"""Operations and time of both stages: counted, forecast, measured. Called by plans (`step`), studies and benchmarks."""
