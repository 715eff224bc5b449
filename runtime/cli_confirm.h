/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_confirm - the process that waits for `skpol confirm`
 */
#ifndef SKPOL_CLI_CONFIRM_H
#define SKPOL_CLI_CONFIRM_H

#include <stdbool.h>
#include <stdint.h>

struct cli;

/* "30s", "30", "5m", "1h": up to a day. */
bool cli_parse_time(const char *text, uint32_t *ms);

/*
 * Starts it. It begins to look when this process has ended, so this is called
 * before the policy is applied. An exit status, with the error printed.
 */
int cli_confirm_start(struct cli *c);

#endif
