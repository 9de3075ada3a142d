/*
 * The sleep/doorbell protocol of a link (DESIGN D6), to be checked by spin; native/model/run.sh does it. The labels are
 * those of native/core/ring.h and pump.c. docs/design/sleep-doorbell.md explains it.
 *
 * Two sides, each producer of one direction and consumer of the other. Every store waits in a buffer of its side, one
 * place per word, and reaches memory at any later time, in any order between words: weaker than x86 (whose buffers keep
 * order). Loads see the own buffer first. A fence empties the own buffer.
 *
 * What is shown: in no execution do both sides end up blocked, or one blocked and the other done, while anything that
 * was sent has not been received. (spin: no invalid end states. A blocked side is not at a valid end.)
 *
 * Mutants, each of which must fail: NO_CONSUMER_FENCE, NO_PRODUCER_FENCE, NO_SPACE_FENCE, NO_RECHECK,
 * NO_SPACE_RECHECK, NO_BELL_FOR_SPACE, NO_REASSERT, NO_REASSERT_ORDER.
 */
#ifndef MESSAGES
#define MESSAGES 3 /* each way; the last one is sent by a timer, whether the side sleeps or not */
#endif
#define CAPACITY 1 /* messages in a ring, so that both also wait for space */

#define TAIL 0
#define HEAD 1
#define SLEEPING 2
#define WAITING 3
#define word(direction, which) ((direction) * 4 + (which))
#define buffered(side, a) ((side) * 8 + (a))

byte memory[8];
bool held[16];
byte value[16];
bool bell[2]; /* the control connection is readable */

inline store(a, v) {
  atomic {
    value[buffered(me, a)] = v;
    held[buffered(me, a)] = true
  }
}

inline load(a, to) {
  atomic {
    if
    :: held[buffered(me, a)] -> to = value[buffered(me, a)]
    :: else -> to = memory[a]
    fi
  }
}

inline fence() {
  d_step {
    i = 0;
    do
    :: i < 8 ->
       if
       :: held[buffered(me, i)] -> memory[i] = value[buffered(me, i)]; held[buffered(me, i)] = false
       :: else
       fi;
       i++
    :: else -> break
    od;
    i = 0
  }
}

/* The words that are exchanged are never stored by the exchanging side, so its buffer holds none of them. */
inline exchange_zero(a, to) {
  atomic {
    to = memory[a];
    memory[a] = 0
  }
}

/* SYNC POINT SLEEP, producer's half: after publish. */
inline take_doorbell() {
#ifndef NO_PRODUCER_FENCE
  fence(); /* SYNC POINT DEKKER */
#endif
  load(word(tx, SLEEPING), x);
  if
  :: x -> exchange_zero(word(tx, SLEEPING), x);
          if
          :: x -> bell[1 - me] = true
          :: else
          fi
  :: else
  fi;
  x = 0
}

/* After consume: is the producer of what we consume waiting for space? Its sleeping flag is in our tx direction. */
inline take_space_doorbell() {
#ifndef NO_SPACE_FENCE
  fence(); /* SYNC POINT DEKKER */
#endif
  load(word(rx, WAITING), x);
  if
  :: x -> exchange_zero(word(rx, WAITING), x);
#ifndef NO_BELL_FOR_SPACE
          if
          :: x -> load(word(tx, SLEEPING), x);
                  if
                  :: x -> exchange_zero(word(tx, SLEEPING), x);
                          if
                          :: x -> bell[1 - me] = true
                          :: else
                          fi
                  :: else
                  fi
          :: else
          fi
#endif
  :: else
  fi;
  x = 0
}

/* The program writes: as much as fits and as is due. */
inline produce() {
  wants_space = false;
  do
  :: sent == due -> break
  :: sent < due ->
     load(word(tx, HEAD), seen);
     if
     :: sent - seen < CAPACITY ->
        sent++;
        store(word(tx, TAIL), sent); /* SYNC POINT PUBLISH */
        take_doorbell()
     :: else ->
        store(word(tx, WAITING), 1);
        fence(); /* SYNC POINT DEKKER */
        load(word(tx, HEAD), x);
        if
        :: x != seen -> x = 0 /* there is space after all */
        :: else -> x = 0; wants_space = true; break
        fi
     fi
  od
}

inline drain() {
  load(word(rx, TAIL), x);
  if
  :: x != got ->
     got = x;
     x = 0;
     store(word(rx, HEAD), got); /* SYNC POINT SPACE */
     take_space_doorbell()
  :: else -> x = 0
  fi
}

proctype Side(byte me) {
  byte rx = 1 - me, tx = me;
  byte sent, got, seen, x, i;
  byte due = MESSAGES - 1;
  bool wants_space, fired;

  produce();
  do
  :: drain();
     produce();
     if
     :: sent == MESSAGES && got == MESSAGES -> break
     :: else
     fi;
     if
     :: true /* goes on looking (spins) */
     :: !fired -> fired = true; due = MESSAGES; produce() /* the timer, while awake */
     :: true -> /* falls asleep */
        store(word(rx, SLEEPING), 1); /* SYNC POINT SLEEP */
#ifndef NO_REASSERT
        if
        :: wants_space ->
#ifndef NO_REASSERT_ORDER
           !held[buffered(me, word(rx, SLEEPING))]; /* SYNC POINT WAIT (release): not before sleeping */
#endif
           store(word(tx, WAITING), 1)
        :: else
        fi;
#endif
#ifndef NO_CONSUMER_FENCE
        fence(); /* SYNC POINT DEKKER */
#endif
#ifndef NO_RECHECK
        load(word(rx, TAIL), x);
        if
        :: x != got -> x = 0; goto awake
        :: else -> x = 0
        fi;
#endif
#ifndef NO_SPACE_RECHECK
        if
        :: wants_space ->
           load(word(tx, HEAD), x);
           if
           :: x != seen -> x = 0; goto awake
           :: else -> x = 0
           fi
        :: else
        fi;
#endif
asleep:
        if
        :: sent == MESSAGES && got == MESSAGES -> goto finished
        :: bell[me] -> bell[me] = false
        :: !fired -> /* the timer, asleep: the program sends, and the loop blocks again without another look */
           fired = true;
           due = MESSAGES;
           produce();
           goto asleep
        fi;
awake:
        store(word(rx, SLEEPING), 0)
     fi
  od;
finished:
  skip
}

/* Store buffers drain whenever they like. */
#define drains(k) held[k] -> memory[(k) % 8] = value[k]; held[k] = false
proctype Buffers() {
end:
  do
  :: d_step { drains(0) }
  :: d_step { drains(1) }
  :: d_step { drains(2) }
  :: d_step { drains(3) }
  :: d_step { drains(4) }
  :: d_step { drains(5) }
  :: d_step { drains(6) }
  :: d_step { drains(7) }
  :: d_step { drains(8) }
  :: d_step { drains(9) }
  :: d_step { drains(10) }
  :: d_step { drains(11) }
  :: d_step { drains(12) }
  :: d_step { drains(13) }
  :: d_step { drains(14) }
  :: d_step { drains(15) }
  od
}

init {
  atomic {
    run Side(0);
    run Side(1);
    run Buffers()
  }
}
