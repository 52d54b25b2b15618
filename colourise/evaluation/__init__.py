"""How good colours are: measures, figures, and people's judgement."""
