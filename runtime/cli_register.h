/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_register - how the ways to register share the work
 *
 * cli_register.c reads the options, cli_via.c asks a broker, cli_wrap.c runs a
 * command until it listens.
 */
#ifndef SKPOL_CLI_REGISTER_H
#define SKPOL_CLI_REGISTER_H

#include "cli.h"

/*
 * Asks the broker at PATH: to unregister with FDS NULL. FITTING: what does not
 * fit is no mistake. 0 and *SLOTS, or a negative errno with *FAULT and TEXT.
 */
struct via_answer {
	size_t slots;
	enum skpol_fault fault;
	char text[1024];
};
int cli_via(const char *path, const struct skpol_claim *claim, bool fitting,
	    const int *fds, size_t n, struct via_answer *out);

/*
 * Runs COMMAND, registers what it listens on, hands signals to it and its exit
 * status back.
 */
int cli_wrap(struct cli *c, const struct skpol_claim *claim, char **command);

#endif
