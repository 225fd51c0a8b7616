import { isPosition } from "@millrace/stream";
import type { LongitudeLatitude } from "@millrace/stream";
import { z } from "zod";
import { crossingMistake } from "./crossing-mistake.ts";
import { explains, finite, takes } from "./schema-types.ts";
import { lineMistake, positionMistake, ringMistake } from "./zone-mistake.ts";

const RADIUS_KM_MAX = 20_000;
const POSITIONS_MAX = 10_000;
/** Wider ones are no corridors, and the nearest place is found on a plane. */
const WITHIN_KM_MAX = 100;

const position = () =>
  explains(
    takes(
      z
        .tuple([finite(), finite()])
        .refine(([longitude, latitude]) => isPosition(longitude, latitude))
        .transform(([longitude, latitude]): LongitudeLatitude => [longitude, latitude]),
      "[longitude, latitude] in degrees, as GeoJSON writes them",
    ),
    positionMistake,
  );

const ring = () =>
  explains(
    takes(
      z.array(position()).refine((positions) => ringMistake(positions) === undefined),
      "a closed ring of [longitude, latitude]",
    ),
    ringMistake,
  );

const rings = () =>
  z
    .array(ring())
    .min(1)
    .refine((each) => each.flat().length <= POSITIONS_MAX, { abort: true });

/** One of `zones` as people write it. */
export const zoneSchema = () =>
  z.strictObject({
    circle: z
      .strictObject({
        center: position().describe("Its centre."),
        radiusKm: takes(
          z.number().positive().max(RADIUS_KM_MAX),
          `km, a number above 0 and up to ${RADIUS_KM_MAX}`,
        ).describe("What is no further than this from the centre, along the great circle, is in it."),
      })
      .optional()
      .describe("A circle."),
    polygon: explains(
      takes(
        rings().refine((each) => crossingMistake(each) === undefined),
        `a list of closed rings of [longitude, latitude], the outer one and then its holes, of at most ${POSITIONS_MAX} positions together`,
      ),
      (value) => {
        const { data } = rings().safeParse(value);
        return data === undefined ? undefined : crossingMistake(data);
      },
    )
      .optional()
      .describe("Instead: the coordinates of a GeoJSON Polygon."),
    corridor: z
      .strictObject({
        line: explains(
          takes(
            z
              .array(position())
              .min(1)
              .max(POSITIONS_MAX)
              .refine((positions) => lineMistake(positions) === undefined),
            `the coordinates of a GeoJSON LineString, [longitude, latitude] of its bends, 1 to ${POSITIONS_MAX}`,
          ),
          lineMistake,
        ).describe(
          "The line: a road, a pipeline, a shipping lane; straight in longitude and latitude from bend to bend.",
        ),
        withinKm: takes(
          z.number().positive().max(WITHIN_KM_MAX),
          `km, a number above 0 and up to ${WITHIN_KM_MAX}`,
        ).describe("What is no further than this from the line is in it."),
      })
      .optional()
      .describe("Instead: what is near a line."),
  });

export type ZoneFile = z.output<ReturnType<typeof zoneSchema>>;
