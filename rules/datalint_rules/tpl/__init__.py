"""TPL: the target model's chat template."""
