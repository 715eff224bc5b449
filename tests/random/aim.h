/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aim - packets at the boundaries of a policy
 *
 * In: a syntax tree. Out: packets, each aimed at one rule (or at one entry of
 * its map): the fields it asks for are the ends of what is written there, one
 * beside them, or something between; now and then a field comes from another
 * rule, from the ends of all values, or from nowhere. Every packet is of the
 * world of world.h.
 */
#ifndef SKPOL_TESTS_AIM_H
#define SKPOL_TESTS_AIM_H

#include "../../grammar/arena.h"
#include "world.h"

struct aim;

struct aim *aim_new(struct arena *a, const struct ast *ast);
void aim_packet(const struct aim *m, struct random *r, struct packet *p);

#endif
