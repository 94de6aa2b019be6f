/* evaluate.h: what the files that evaluate expressions share; private to them. */
#ifndef LLMMUX_TEMPLATE_EVALUATE_H
#define LLMMUX_TEMPLATE_EVALUATE_H

#include "template/run.h"

/* The base of `base.name`, defined; otherwise fails, naming the whole chain. */
bool run_base(struct template_run *run, const struct node *node, struct value *base);
/* After run_fail_undefined: the chain goes on to `node`. */
void run_extend_undefined(struct template_run *run, const struct node *node);
bool run_evaluate_call(struct template_run *run, const struct node *node, struct value *out);
bool run_evaluate_filter(struct template_run *run, const struct node *node, struct value *out);
bool run_evaluate_test(struct template_run *run, const struct node *node, struct value *out);

#endif
