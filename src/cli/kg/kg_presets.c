/* kg_presets.c: settings of kg-train that reach known figures. */
#define _POSIX_C_SOURCE 200809L
#include "cli/kg/kg_presets.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 20 /* settings of a preset */, TEXT = 1024 };

/* README.md has the figures that they reach, and transe.h5 is what fb15k237-transe makes. */
typedef struct preset {
    const char *name;
    struct {
        const char *option, *value;
    } setting[MOST + 1]; /* ends with NULL */
} preset_t;

/* clang-format off */
static const preset_t presets[] = {
    {"fb15k237-complex",
     {{"model", "complex"}, {"dim", "768"}, {"regularizer", "dura"}, {"weight", ".035"},
      {"negatives", "512"}, {"batch-size", "512"}, {"learning-rate", ".12"},
      {"final-rate", ".02"}, {"epochs", "18"}}},
    {"fb15k237-complex-fast",
     {{"model", "complex"}, {"dim", "200"}, {"regularizer", "dura"}, {"weight", ".04"},
      {"negatives", "256"}, {"batch-size", "512"}, {"learning-rate", ".15"},
      {"final-rate", ".05"}, {"epochs", "7"}}},
    {"fb15k237-distmult",
     {{"model", "distmult"}, {"dim", "768"}, {"regularizer", "dura"}, {"weight", ".035"},
      {"negatives", "512"}, {"batch-size", "512"}, {"learning-rate", ".12"},
      {"final-rate", ".02"}, {"epochs", "18"}}},
    {"fb15k237-rotate",
     {{"model", "rotate"}, {"norm", "1"}, {"dim", "800"}, {"scale", ".01"}, {"negatives", "512"},
      {"filtered", "true"}, {"batch-size", "512"}, {"optimizer", "adam"},
      {"learning-rate", ".0008"}, {"final-rate", ".1"}, {"loss", "adversarial"}, {"margin", "9"},
      {"temperature", "1"}, {"entity-dropout", ".25"}, {"epochs", "30"}}},
    {"fb15k237-toruse",
     {{"model", "toruse"}, {"norm", "2"}, {"dim", "200"}, {"scale", ".01"}, {"negatives", "512"},
      {"filtered", "true"}, {"batch-size", "1024"}, {"learning-rate", ".015"}, {"epochs", "6"}}},
    {"fb15k237-transe",
     {{"model", "transe"}, {"dim", "200"}, {"scale", ".1"}, {"negatives", "512"},
      {"filtered", "true"}, {"batch-size", "1024"}, {"learning-rate", ".1"}, {"epochs", "8"}}},
    {"fb15k237-transh",
     {{"start-from", "transe.h5"}, {"model", "transh"}, {"dim", "200"}, {"negatives", "512"},
      {"filtered", "true"}, {"batch-size", "1024"}, {"learning-rate", ".02"}, {"epochs", "2"}}},
    {"fb15k237-transr",
     {{"start-from", "transe.h5"}, {"model", "transr"}, {"dim", "200"}, {"negatives", "512"},
      {"filtered", "true"}, {"batch-size", "4096"}, {"learning-rate", ".002"}, {"epochs", "2"}}},
    {"wn18rr-complex",
     {{"model", "complex"}, {"dim", "256"}, {"regularizer", "n3"}, {"weight", ".2"},
      {"negatives", "0"}, {"batch-size", "512"}, {"learning-rate", ".5"}, {"final-rate", ".05"},
      {"epochs", "10"}}},
    {"wn18rr-complex-fast",
     {{"model", "complex"}, {"dim", "200"}, {"regularizer", "dura"}, {"weight", ".05"},
      {"negatives", "192"}, {"batch-size", "256"}, {"learning-rate", ".1"},
      {"final-rate", ".02"}, {"epochs", "10"}}},
    {"wn18rr-distmult",
     {{"model", "distmult"}, {"dim", "768"}, {"regularizer", "dura"}, {"weight", ".065"},
      {"negatives", "0"}, {"batch-size", "512"}, {"learning-rate", ".5"}, {"final-rate", ".05"},
      {"epochs", "9"}}},
    {"wn18rr-rotate",
     {{"model", "rotate"}, {"norm", "1"}, {"reciprocal", "false"}, {"dim", "400"},
      {"scale", ".02"}, {"negatives", "256"}, {"filtered", "true"}, {"self-negative", "true"},
      {"batch-size", "512"}, {"optimizer", "adam"}, {"learning-rate", ".001"},
      {"loss", "adversarial"}, {"margin", "5"}, {"temperature", ".5"}, {"epochs", "60"}}},
    {"wn18rr-transe",
     {{"model", "transe"}, {"norm", "1"}, {"dim", "1000"}, {"scale", ".005"},
      {"negatives", "128"}, {"batch-size", "512"}, {"learning-rate", ".003"}, {"epochs", "20"}}},
};
/* clang-format on */

enum { PRESETS = sizeof presets / sizeof *presets };

static trn_status_t apply(trn_params_t *params, const preset_t *preset) {
    for (int i = 0; preset->setting[i].option; i++)
        TRN_TRY(trn_params_suggest(params, preset->setting[i].option, preset->setting[i].value));
    return TRN_OK;
}

trn_status_t trn_kg_preset_apply(trn_params_t *params, const char *name) {
    for (int i = 0; i < PRESETS; i++)
        if (strcmp(presets[i].name, name) == 0) return apply(params, &presets[i]);
    return trn_fail(TRN_USAGE, "--preset: '%s' is none; 'trunnion kg-train --preset list' has them",
                    name);
}

/* As options of the command line. */
static void spell(const preset_t *preset, char text[TEXT]) {
    size_t used = 0;
    *text = '\0';
    for (int i = 0; preset->setting[i].option && used < TEXT; i++) {
        const char *option = preset->setting[i].option, *value = preset->setting[i].value;
        bool off = strcmp(value, "false") == 0, flag = off || strcmp(value, "true") == 0;
        used += (size_t)snprintf(text + used, TEXT - used, "%s--%s%s%s%s", i ? " " : "",
                                 off ? "no-" : "", option, flag ? "" : " ", flag ? "" : value);
    }
}

void trn_kg_preset_list(json_t *to) {
    for (int i = 0; i < PRESETS; i++) {
        char text[TEXT];
        spell(&presets[i], text);
        json_object_set_new(to, presets[i].name, json_string(text));
    }
}
