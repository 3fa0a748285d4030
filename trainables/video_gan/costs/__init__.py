"""Operations, memory and time of TGANv2's networks. Called by plans (`step`), studies and benchmarks."""
