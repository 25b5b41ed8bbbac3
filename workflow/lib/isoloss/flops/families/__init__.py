"""Model types of Hugging Face transformers: what their code decides, beyond their configs."""
