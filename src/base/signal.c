#define _GNU_SOURCE
#include "base/signal.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t wanted;

static void on_signal(int number) {
    if (wanted && number != SIGUSR1) { /* the user insists */
        signal(number, SIG_DFL);
        raise(number);
    }
    wanted = number;
}

void trn_signal_install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &action, NULL);
    sigaction(SIGPIPE, &action, NULL);
}

int trn_signal_stop(void) {
    return wanted;
}

void trn_signal_set_stop(int number) {
    wanted = number;
}
