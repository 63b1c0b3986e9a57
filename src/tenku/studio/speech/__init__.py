"""Speech on this machine: texts into sentences, sentences into phonemes, phonemes into sound."""
