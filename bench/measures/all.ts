import type { Measure } from '../measure.ts';
import { admissionBurst } from './admission-burst.ts';
import { admissionTime } from './admission-time.ts';
import { admissionWeight } from './admission-weight.ts';
import { creation } from './creation.ts';
import { crowd } from './crowd.ts';
import { deletionTime } from './deletion-time.ts';
import { flipCost } from './flip-cost.ts';
import { flipTime } from './flip-time.ts';
import { foreignChurn } from './foreign-churn.ts';
import { foreignTime } from './foreign-time.ts';
import { idle } from './idle.ts';
import { outage } from './outage.ts';
import { repairTime } from './repair-time.ts';
import { riseTime } from './rise-time.ts';

/** In the order in which they are made. Those that verify often come last: each change of that starts the operator again. */
export const MEASURES: Measure[] = [
  flipCost,
  flipTime,
  deletionTime,
  riseTime,
  admissionTime,
  admissionBurst,
  admissionWeight,
  foreignTime,
  repairTime,
  outage,
  idle,
  creation,
  crowd,
  foreignChurn,
];
