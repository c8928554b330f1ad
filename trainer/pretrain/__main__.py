"""Command line of the pretrained smoother's training."""

from trainer.pretrain.train_denoiser import main

if __name__ == "__main__":
    main()
