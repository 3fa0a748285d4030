"""Between the stages: a data set encoded once, by a trial of its own, and read by stage 2."""
