#include "cmd/command.h"

int main(void) {
    return TRN_OK;
}
