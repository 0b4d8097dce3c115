import { leaseContract } from './lease.ts';
import { everywhere } from './places.ts';

everywhere('the lease contract', leaseContract);
