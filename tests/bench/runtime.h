/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime - figures of the runtime, through the commands and libskpol
 *
 * In namespaces and a bpf file system of its own. A figure is a number, what it
 * is to stay under, and whether it is a count that must hold (then it decides
 * the exit status) or a time, which is only told.
 */
#ifndef SKPOL_TESTS_RUNTIME_H
#define SKPOL_TESTS_RUNTIME_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../runtime/skpol.h"

struct runtime {
	char folder[64];		/* for files, and for bpf */
	char bpffs[80];
	bool quick;
	json_t *figures;
	size_t broken;			/* counts that do not hold */
};

/* A count that must be WANTED; a time in ms that is to stay under LIMIT. */
void figure_count(struct runtime *r, const char *name, uint64_t count,
		  uint64_t wanted);
void figure_ms(struct runtime *r, const char *name, double ms, double limit);

double runtime_now(void);		/* ms */
/* runtime.c: what cannot be done at all ends the program with status 3. */
void give_up(const char *what) __attribute__((noreturn));
struct skpol *runtime_open(const struct runtime *r);
/* Writes TEXT as NAME.skl and compiles it to NAME.o, by skpolc. */
void runtime_compile(const struct runtime *r, const char *name,
		     const char *text);
/* Malloc'ed bytes of NAME.o. */
void *runtime_object(const struct runtime *r, const char *name, size_t *size);
/* `./skpol --bpffs ... ARGUMENTS` or any other program: its exit status. */
int runtime_command(const struct runtime *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A process that is killed with this one; it never returns from WORK. */
pid_t runtime_child(void (*work)(void *ctx), void *ctx);
void runtime_end(pid_t pid);

/* runtime_load.c: clients of 127.0.0.1:7007, and who answers */
struct load {
	volatile bool stop;
	volatile uint64_t connects, refused, elsewhere, broken;
	volatile uint64_t datagrams, udp_refused, udp_elsewhere, udp_lost;
	volatile uint64_t received, received_elsewhere;
	pid_t servers[4], clients[2];
};

struct load *load_serve(void);
void load_dial(struct load *l);
/* Both clients have done their last when it returns; nobody serves. */
void load_stop(struct load *l);

void runtime_swaps(struct runtime *r);
void runtime_status(struct runtime *r);
void runtime_register(struct runtime *r);
void runtime_change(struct runtime *r);

#endif
