"""TOK: the target model's tokenizer."""
