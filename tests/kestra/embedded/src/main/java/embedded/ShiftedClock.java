package embedded;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;

/** The machine's clock with an offset that can be changed while whoever was given the clock goes on using it. */
final class ShiftedClock extends Clock {
    private volatile Duration offset = Duration.ZERO;

    /** Go on from an instant. */
    void goOnFrom(Instant now) {
        offset = Duration.between(Instant.now(), now);
    }

    @Override
    public Instant instant() {
        return Instant.now().plus(offset);
    }

    @Override
    public ZoneId getZone() {
        return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
        Clock shifted = this;
        return new Clock() {
            @Override
            public Instant instant() {
                return shifted.instant();
            }

            @Override
            public ZoneId getZone() {
                return zone;
            }

            @Override
            public Clock withZone(ZoneId other) {
                return shifted.withZone(other);
            }
        };
    }
}
