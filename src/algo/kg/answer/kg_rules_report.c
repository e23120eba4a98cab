/* kg_rules_report.c: rules as people and programs read them. */
#include "algo/kg/answer/kg_rules_impl.h"
#include "base/emit.h"

#include <assert.h>
#include <stdio.h>

enum { TEXT_BYTES = 4096 };

/* "parent(x,z1), parent(z1,y) => grandparent(x,y)" */
static void rule_text(const trn_rule_t *rule, int64_t relations, char *const *names,
                      char text[TEXT_BYTES]) {
    static const char *const variable[] = {"x", "z1", "z2"};
    int at = 0;
    assert(rule->length <= TRN_RULE_LENGTH);
    for (int i = 0; i < rule->length && at < TEXT_BYTES; i++) {
        const char *from = variable[i], *to = i + 1 < rule->length ? variable[i + 1] : "y";
        bool turned = rule->body[i] >= relations;
        at += snprintf(text + at, (size_t)(TEXT_BYTES - at), "%s%s(%s,%s)", i ? ", " : "",
                       names[rule->body[i] - (turned ? relations : 0)], turned ? to : from,
                       turned ? from : to);
    }
    if (at < TEXT_BYTES)
        snprintf(text + at, (size_t)(TEXT_BYTES - at), " => %s(x,y)", names[rule->head]);
}

static json_t *body_json(const trn_rule_t *rule, int64_t relations, char *const *names) {
    json_t *body = json_array();
    for (int i = 0; i < rule->length; i++) {
        bool turned = rule->body[i] >= relations;
        json_array_append_new(
            body, json_pack("{s:o, s:b}", "relation",
                            trn_json_text(names[rule->body[i] - (turned ? relations : 0)]),
                            "inverse", turned));
    }
    return body;
}

static double ratio(int64_t a, int64_t b) {
    return b > 0 ? (double)a / (double)b : 0;
}

/* What a program wants and a table has no room for. */
static void add_parts(const trn_rules_t *rules, const trn_rule_t *r, json_t *row) {
    json_object_set_new(row, "head", trn_json_text(rules->names[r->head]));
    json_object_set_new(row, "body", body_json(r, rules->kg.relations, rules->names));
}

void trn_rules_report(const trn_rules_t *rules, bool parts, json_t *result) {
    json_t *table = json_array();
    for (int64_t i = 0; i < rules->count; i++) {
        const trn_rule_t *r = &rules->rules[i];
        char text[TEXT_BYTES];
        rule_text(r, rules->kg.relations, rules->names, text);
        json_t *row = json_pack(
            "{s:o, s:f, s:I, s:I, s:f, s:f, s:f}", "rule", trn_json_text(text), "distance",
            r->distance, "support", (json_int_t)r->support, "body_pairs", (json_int_t)r->body_pairs,
            "confidence", ratio(r->support, r->body_pairs), "pca", ratio(r->support, r->pca_pairs),
            "coverage", ratio(r->support, r->head_pairs));
        if (parts) add_parts(rules, r, row);
        json_array_append_new(table, row);
    }
    json_object_set_new(result, "rules_found", json_integer(rules->count));
    json_object_set_new(result, "rules", table);
}

int64_t trn_rules_row_bytes(void) {
    enum { LETTERS = 128 /* of a rule and of its relations' names */ };
    return trn_estimate_row_bytes(2, 6, LETTERS) + trn_estimate_row_bytes(1, 1, 0);
}
