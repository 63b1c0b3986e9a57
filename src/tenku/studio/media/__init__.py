"""Pictures that move and sound, as files and as numbers: written, read back and checked.

samples.Samples                     sound as numbers
resample.resampled, as_channels     another rate, another count of channels
writesound.write_sound              WAV, FLAC, Opus, MP3, AAC, PCM
readsound.read_sound                any of those, and of a video's sound
writevideo.write_video              MP4: H.264, AV1 or VP9, with AAC or Opus beside it
readback.read_back                  decodes a file again and says what is in it
checkvideo.check_video              whether that is what was asked for
readframes.read_frames              a video that somebody handed in
readpicture.read_picture            a picture that somebody handed in
webp.write_webp, webp.read_webp     animated WebP, with alpha
poster.poster                       the first picture as PNG
"""
