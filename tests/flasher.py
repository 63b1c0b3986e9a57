"""A game that is black, and once a second white with a beep for 150 ms."""

import array
import math

import pygame

SECOND, LIT = 60, 9

pygame.mixer.init(48_000, -16, 2, 512)
pygame.init()
screen = pygame.display.set_mode((1280, 720))
wave = (round(16_000 * math.sin(2 * math.pi * 1000 * n / 48_000)) for n in range(7200))
beep = pygame.mixer.Sound(buffer=array.array("h", (value for sample in wave for value in (sample, sample))).tobytes())
clock = pygame.time.Clock()
frame = 0
while not pygame.event.peek(pygame.QUIT):
    pygame.event.pump()
    screen.fill("white" if frame % SECOND < LIT else "black")
    pygame.draw.rect(screen, "gray", (frame * 7 % 1280, 300, 40, 40))
    if frame % SECOND == 0:
        beep.play()
    pygame.display.flip()
    clock.tick(60)
    frame += 1
