import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** An organisation that may hand in letters. */
@Entity({ name: 'agency' })
export class Agency {
  /** Organisation number. */
  @PrimaryColumn('text')
  orgnr!: string;

  @Column('text')
  name!: string;

  /** Hands in on its own topic, and gets its statuses on another. */
  @Column('boolean')
  kafka!: boolean;

  /** What it seals the fields of its records with; itself sealed with scope `internal`. */
  @Column('bytea', { name: 'ingress_key', nullable: true })
  ingressKey!: Buffer | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;
}

/** A supplier may hand in for an agency. Narrows what the agency has delegated in Altinn, never widens it. */
@Entity({ name: 'delegation' })
export class Delegation {
  @PrimaryColumn('text')
  agency!: string;

  @PrimaryColumn('text')
  supplier!: string;
}

export const ENTITIES = [Agency, Delegation];
