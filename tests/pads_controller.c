/* A small SDL game that speaks as examples/pads/pads.py does, through SDL's game controller database. */

#include <SDL.h>
#include <stdio.h>

static void say_state(SDL_GameController *pad) {
    printf("{\"event\": \"state\", \"pad\": %d, \"axes\": [", SDL_JoystickInstanceID(SDL_GameControllerGetJoystick(pad)));
    for (int axis = 0; axis < SDL_CONTROLLER_AXIS_MAX; axis++)
        printf("%s%d", axis ? ", " : "", SDL_GameControllerGetAxis(pad, axis));
    printf("], \"buttons\": [");
    const char *comma = "";
    for (int button = 0; button < SDL_CONTROLLER_BUTTON_MAX; button++)
        if (SDL_GameControllerGetButton(pad, button)) {
            printf("%s\"%s\"", comma, SDL_GameControllerGetStringForButton(button));
            comma = ", ";
        }
    printf("]}\n");
}

int main(void) {
    SDL_Event event;
    SDL_version sdl;
    if (SDL_Init(SDL_INIT_VIDEO | SDL_INIT_GAMECONTROLLER) < 0)
        return 1;
    SDL_GetVersion(&sdl);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("{\"event\": \"ready\", \"sdl\": \"%d.%d.%d\"}\n", sdl.major, sdl.minor, sdl.patch);
    while (SDL_WaitEvent(&event)) {
        SDL_GameController *pad;
        switch (event.type) {
        case SDL_QUIT:
            return 0;
        case SDL_CONTROLLERDEVICEADDED:
            pad = SDL_GameControllerOpen(event.cdevice.which);
            if (!pad)
                return 2;
            printf("{\"event\": \"plugged\", \"pad\": %d, \"name\": \"%s\"}\n",
                   SDL_JoystickInstanceID(SDL_GameControllerGetJoystick(pad)), SDL_GameControllerName(pad));
            SDL_GameControllerUpdate();
            say_state(pad);
            break;
        case SDL_CONTROLLERDEVICEREMOVED:
            printf("{\"event\": \"unplugged\", \"pad\": %d}\n", event.cdevice.which);
            SDL_GameControllerClose(SDL_GameControllerFromInstanceID(event.cdevice.which));
            break;
        case SDL_CONTROLLERBUTTONDOWN:
            pad = SDL_GameControllerFromInstanceID(event.cbutton.which);
            if (event.cbutton.button == SDL_CONTROLLER_BUTTON_A)
                SDL_GameControllerRumble(pad, 0x4000, 0xC000, 400);
            if (event.cbutton.button == SDL_CONTROLLER_BUTTON_B)
                SDL_GameControllerRumble(pad, 0, 0, 0);
            say_state(pad);
            break;
        case SDL_CONTROLLERBUTTONUP:
            say_state(SDL_GameControllerFromInstanceID(event.cbutton.which));
            break;
        case SDL_CONTROLLERAXISMOTION:
            say_state(SDL_GameControllerFromInstanceID(event.caxis.which));
            break;
        }
    }
    return 1;
}
