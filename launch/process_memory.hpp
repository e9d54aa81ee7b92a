// How the memory allocator of a process that runs nodes and jobs behaves.
#pragma once

namespace penstock {

/// Keeps blocks of some megabytes that are freed for the next that are asked for. Requests, replies
/// and batches are such blocks and come and go all the time: given back to the kernel, each of
/// their pages would be zeroed and mapped anew. First thing in a program's `main`.
void keep_freed_memory();

}  // namespace penstock
