# SPDX-License-Identifier: BSD-2-Clause
# tenants.skl by hand: the address as a number, bisection over where the prefixes
# begin, and how far each goes.
	w1 = *(u32 *)(r6 + 12)
	if w1 != 6 goto pass
	w1 = *(u32 *)(r6 + 40)		# IPv6 is 0
	r1 = be32 r1
	if w1 >= 3323088128 goto from_k
	if w1 >= 3323079168 goto from_f
	if w1 >= 3323073952 goto from_c
	if w1 >= 3323072064 goto from_b
	w1 -= 3323070208
	if w1 < 256 goto t_a
	goto pass
from_b:
	w1 -= 3323072064
	if w1 < 64 goto t_b
	goto pass
from_c:
	if w1 >= 3323075712 goto from_d
	w1 -= 3323073952
	if w1 < 16 goto t_c
	goto pass
from_d:
	if w1 >= 3323077472 goto from_e
	w1 -= 3323075712
	if w1 < 128 goto t_d
	goto pass
from_e:
	w1 -= 3323077472
	if w1 < 32 goto t_e
	goto pass
from_f:
	if w1 >= 3323082912 goto from_h
	if w1 >= 3323081024 goto from_g
	w1 -= 3323079168
	if w1 < 256 goto t_f
	goto pass
from_g:
	w1 -= 3323081024
	if w1 < 64 goto t_g
	goto pass
from_h:
	if w1 >= 3323084672 goto from_i
	w1 -= 3323082912
	if w1 < 16 goto t_h
	goto pass
from_i:
	if w1 >= 3323086432 goto from_j
	w1 -= 3323084672
	if w1 < 128 goto t_i
	goto pass
from_j:
	w1 -= 3323086432
	if w1 < 32 goto t_j
	goto pass
from_k:
	if w1 >= 3323097088 goto from_p
	if w1 >= 3323091872 goto from_m
	if w1 >= 3323089984 goto from_l
	w1 -= 3323088128
	if w1 < 256 goto t_k
	goto pass
from_l:
	w1 -= 3323089984
	if w1 < 64 goto t_l
	goto pass
from_m:
	if w1 >= 3323093632 goto from_n
	w1 -= 3323091872
	if w1 < 16 goto t_m
	goto pass
from_n:
	if w1 >= 3323095392 goto from_o
	w1 -= 3323093632
	if w1 < 128 goto t_n
	goto pass
from_o:
	w1 -= 3323095392
	if w1 < 32 goto t_o
	goto pass
from_p:
	if w1 >= 3323100832 goto from_r
	if w1 >= 3323098944 goto from_q
	w1 -= 3323097088
	if w1 < 256 goto t_p
	goto pass
from_q:
	w1 -= 3323098944
	if w1 < 64 goto t_q
	goto pass
from_r:
	if w1 >= 3323102592 goto from_s
	w1 -= 3323100832
	if w1 < 16 goto t_r
	goto pass
from_s:
	if w1 >= 3323104352 goto from_t
	w1 -= 3323102592
	if w1 < 128 goto t_s
	goto pass
from_t:
	w1 -= 3323104352
	if w1 < 32 goto t_t
	goto pass
