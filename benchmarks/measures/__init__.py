"""One file per measure: each takes the stage and hands back its figures."""
