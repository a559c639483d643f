/* A descriptor that becomes readable when it is rung, and stays so until it is silenced: an eventfd,
 * for whoever sleeps in poll() and not on a futex. Neither call blocks, nor touches errno. */
#ifndef WEIR_SYNC_BELL_H
#define WEIR_SYNC_BELL_H

/* The descriptor, closed on exec; -1: errno says why there is none. */
int weir__bell_create(void);

/* 0, or the error: the descriptor is not ours any more. To ring twice is to ring once. */
int weir__bell_ring(int fd);
int weir__bell_silence(int fd);

#endif
