"""Arms compared at one time, or by their changes, given covariates or a cohort."""
