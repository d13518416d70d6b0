"""What an estimate on a matched cohort needs: matched sets as clusters, strata weighted anew, controls used again."""
