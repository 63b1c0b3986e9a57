"""A game that is black, and once a second white for 0.4 s with a beep of 150 ms."""

import array
import math
import time

import pygame

LIT_S = 0.4

pygame.mixer.init(48_000, -16, 2, 512)
pygame.init()
screen = pygame.display.set_mode((1280, 720))
wave = (round(16_000 * math.sin(2 * math.pi * 1000 * n / 48_000)) for n in range(7200))
beep = pygame.mixer.Sound(buffer=array.array("h", (value for sample in wave for value in (sample, sample))).tobytes())
clock = pygame.time.Clock()
second = 0
while not pygame.event.peek(pygame.QUIT):
    pygame.event.pump()
    now = time.monotonic()
    screen.fill("white" if now % 1 < LIT_S else "black")
    pygame.draw.rect(screen, "gray", (now * 400 % 1280, 300, 40, 40))
    if int(now) != second:
        second = int(now)
        beep.play()
    pygame.display.flip()
    clock.tick(60)
