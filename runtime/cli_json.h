/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_json - what the verbs that report do with a report
 */
#ifndef SKPOL_CLI_JSON_H
#define SKPOL_CLI_JSON_H

#include <jansson.h>

/* The text under KEY, or NONE. */
const char *json_text(const json_t *j, const char *key, const char *none);
/* The longest text under KEY in a list of objects, LEAST or more. */
int json_width(const json_t *list, const char *key, int least);
/* One line on stdout; an exit status. */
int cli_print_json(const json_t *j);

#endif
