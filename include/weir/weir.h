/** @file
 *  weir: bounded executors. This header includes all others. */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include "weir/clock.h"
#include "weir/delayed.h"
#include "weir/executor.h"
#include "weir/export.h"
#include "weir/future.h"
#include "weir/inline.h"
#include "weir/map.h"
#include "weir/periodic.h"
#include "weir/policy.h"
#include "weir/process.h"
#include "weir/promise.h"
#include "weir/shared_vector.h"
#include "weir/stats.h"
#include "weir/status.h"
#include "weir/strategy.h"
#include "weir/task.h"
#include "weir/thread.h"
#include "weir/time.h"
#include "weir/version.h"
#include "weir/wait.h"
#include "weir/watcher.h"

#endif
