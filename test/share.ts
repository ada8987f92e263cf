import fc from "fast-check";

/**
 * A part of something, each as likely: `fc.double` takes all numbers that a double can be, nearly all of which are as good as 0.
 * @param most at most 1
 */
export function anyShare(most = 1): fc.Arbitrary<number> {
  return fc.integer({ min: 0, max: 1000 }).map((thousandths) => (thousandths / 1000) * most);
}
