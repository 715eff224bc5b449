/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcapng - events as packets, for the programs that read captures
 *
 * In: events. Out: a pcapng stream (draft-ietf-opsawg-pcapng): one section, one
 * interface of raw IP, a block an event. A program at this hook sees no packet
 * but what is looked for, so its head is made up: IP, and TCP with SYN or UDP,
 * with right checksums and no data. Rule, verdict and socket are its comment.
 */
#ifndef SKPOL_PCAPNG_H
#define SKPOL_PCAPNG_H

#include <stdio.h>

#include "skpol.h"

/* The begin of the stream: section and interface. */
void pcapng_begin(FILE *out);
void pcapng_event(FILE *out, const struct skpol_event *e, const char *comment);
/* The end: how many events there were, and how many were lost. */
void pcapng_end(FILE *out, uint64_t time, uint64_t events, uint64_t lost);

#endif
